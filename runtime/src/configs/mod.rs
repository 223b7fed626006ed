//! The pallets' configuration, one file per concern.

mod accounts;
mod consensus;
mod money;
mod root;
mod system;

pub use accounts::ProxyType;
pub use consensus::{SessionHistory, UnitIdentification};
pub use money::{TreasuryAccount, TreasuryPalletId};
pub use system::{BlockHashCount, BlockLength, BlockWeights};
