//! The pallets' configuration, one file per concern.

mod accounts;
mod compute;
mod consensus;
mod money;
mod root;
mod system;

pub use accounts::ProxyType;
pub use compute::{AcceptedSemantics, DutyPeriod, ProtocolFee, UnbondingBlocks};
pub use consensus::{SessionHistory, UnitIdentification};
pub use money::{TreasuryAccount, TreasuryPalletId};
pub use system::{BlockHashCount, BlockLength, BlockWeights};
