//! The model that is audited, its weights, and what shows that a provider holds them.

use super::*;

/// One whose weights have five segments.
pub(crate) fn program() -> Program {
	with_rows(1_500, 8)
}

/// One that looks tokens up in a table of so many rows.
pub(crate) fn with_rows(rows: u32, width: u32) -> Program {
	Program {
		semantics: SEMANTICS_DRAFT,
		limits: Limits::encoder(4, 16),
		weights: vec![
			WeightShape { kind: WeightKind::Int8, dims: vec![rows, width] },
			WeightShape { kind: WeightKind::Int32, dims: vec![rows] },
		],
		operators: vec![
			Operator::Tokens { vocabulary: rows },
			Operator::Embed {
				ids: TensorId(0),
				table: WeightId(0),
				scales: WeightId(1),
				by: EmbedBy::Token,
				fraction: 12,
			},
			Operator::Stop { next: None, ends: vec![] },
			Operator::Emit { value: TensorId(1), stop: TensorId(2) },
		],
	}
}

/// The segments of a model's weights, of which no two are the same.
fn segments(model: ModelId) -> Vec<Vec<u8>> {
	let length = program().weights_length() as usize;
	let byte = |index: usize| (index / 64) as u8 ^ model.0 as u8 ^ (index / SEGMENT) as u8;
	let blob: Vec<u8> = (0..length).map(byte).collect();
	let segment = |bytes: &[u8]| [bytes, &vec![0; SEGMENT - bytes.len()][..]].concat();
	blob.chunks(SEGMENT).map(segment).collect()
}

fn leaves(model: ModelId) -> Vec<assay_program::Hash> {
	segments(model).iter().map(|bytes| merkle::leaf(bytes)).collect()
}

/// The root of a model's weights.
pub(crate) fn weights(model: ModelId) -> WeightsRoot {
	let root = merkle::root(leaves(model).into_iter());
	merkle::sized(program().weights_length(), &root).into()
}

/// What an executor that holds a model's weights answers about a segment.
pub(crate) fn opening(model: ModelId, segment: u32) -> Opening {
	let bytes = segments(model).swap_remove(segment as usize);
	Opening { bytes, path: assay_trace::path(&leaves(model), segment) }
}

/// What a provider has to show of a model in this period.
pub(crate) fn segment_of(who: &AccountId, model: ModelId) -> Option<u32> {
	let drawn = Audits::period_randomness()?;
	segment_to_show(&drawn, who, model, program().weights_length())
}

/// A showing of a segment by a provider's worker, as for this period.
pub(crate) fn show_call_with(
	who: &AccountId,
	model: ModelId,
	segment: u32,
	opening: Opening,
) -> RuntimeCall {
	let pair = worker_of(who);
	let statement = show_statement(&genesis(), model, Audits::period(), segment);
	let path: Vec<H256> = opening.path.into_iter().map(H256).collect();
	Call::show {
		model,
		bytes: opening.bytes.try_into().unwrap(),
		path: path.try_into().unwrap(),
		worker: pair.public(),
		signature: pair.sign(&statement),
	}
	.into()
}

pub(crate) fn show_call(who: &AccountId, model: ModelId) -> RuntimeCall {
	let segment = segment_of(who, model).unwrap_or_default();
	show_call_with(who, model, segment, opening(model, segment))
}

/// Show that a provider holds the weights of a model, as soon as that can be done.
pub(crate) fn show(who: &AccountId, model: ModelId) {
	while segment_of(who, model).is_none() {
		roll_by(1);
	}
	assert_ok!(dispatch_authorized(show_call(who, model)).unwrap());
}

/// Everybody shows what is due.
pub(crate) fn show_all() {
	for (who, auditor) in crate::Auditors::<Test>::iter().collect::<Vec<_>>() {
		for pool in auditor.pools {
			if Audits::check_due_show(pool.model, &key_of(&who)).is_ok() {
				show(&who, pool.model);
			}
		}
	}
}
