//! The trace of a run, made again when somebody asks.
//!
//! A trace is never kept. A [`Tracer`] runs the job once for its roots and keeps the hash of every
//! 256 leaves, at most 2 MiB; questions after that run it again up to the step they are about, or
//! are answered from what the last runs were asked for, at most 8 MiB. Beyond that and the output
//! it holds what one step holds.

mod hashing;
mod recent;

use hashing::Chunks;
use recent::{Node, Recent};

use crate::{
	disclosure::blob_tree, input::Offence, parents, path, trace_root, Answer, DisclosureError,
	Layout, LayoutError, Need, Opening, Openings, Part, Partial, Position, Question, RefereeError,
	Roots, Source, Truth, FAN_OUT, NULL,
};
use assay_program::{
	merkle, Claim, Hash, InvalidCode, Operator, Outcome, Parameters, Program, SEGMENT,
};
use assay_reference::HostError;
use std::{
	collections::{BTreeMap, BTreeSet},
	fmt,
	ops::ControlFlow,
	sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

/// Whatever can run a job again and show what every operator of every step makes.
pub trait Steps {
	/// Runs the job from the start. `visit` gets the number of the step, that of the operator and
	/// the little-endian bytes of its tensor, in order; a break ends the run early, and then the
	/// outcome is not looked at.
	fn run(&self, visit: &mut Visit<'_>) -> Result<Option<Outcome>, String>;

	/// Calls `work` with every number below `count`, in any order; side by side where it can.
	fn side_by_side(&self, count: usize, work: Work<'_>) {
		(0..count).for_each(work);
	}
}

/// See [`Steps::side_by_side`].
pub type Work<'w> = &'w (dyn Fn(usize) + Sync);

/// See [`Steps::run`].
pub type Visit<'v> = dyn FnMut(u32, usize, &[u8]) -> ControlFlow<()> + 'v;

/// A job run by the reference.
#[derive(Clone, Copy, Debug)]
pub struct ReferenceSteps<'a> {
	/// The program.
	pub program: &'a Program,
	/// Its weights.
	pub weights: &'a [u8],
	/// The job's input.
	pub input: &'a [u8],
	/// The job's parameters.
	pub parameters: &'a Parameters,
}

impl Steps for ReferenceSteps<'_> {
	fn run(&self, visit: &mut Visit<'_>) -> Result<Option<Outcome>, String> {
		let Self { program, weights, input, parameters } = *self;
		match assay_reference::trace_while(program, weights, input, parameters, visit) {
			Ok(outcome) => Ok(Some(outcome)),
			Err(HostError::Stopped) => Ok(None),
			Err(error) => Err(error.to_string()),
		}
	}
}

/// Why a trace could not be made or asked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TracerError {
	/// The job has no layout.
	Layout(LayoutError),
	/// Its input breaks the rules, so there is no trace.
	Invalid(InvalidCode),
	/// The run failed, or did not show what the layout says.
	Run(String),
	/// There is no such node, leaf or segment.
	Disclosure(DisclosureError),
	/// There is nothing at the position.
	Referee(RefereeError),
	/// The input breaks no rule, so no offence can be shown.
	NoOffence,
}

impl fmt::Display for TracerError {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		match self {
			Self::Layout(error) => error.fmt(f),
			Self::Invalid(code) => write!(f, "the input has no trace: {code}"),
			Self::Run(error) => write!(f, "the job could not be run again: {error}"),
			Self::Disclosure(error) => error.fmt(f),
			Self::Referee(error) => error.fmt(f),
			Self::NoOffence => f.write_str("the input breaks no rule"),
		}
	}
}

impl std::error::Error for TracerError {}

impl From<LayoutError> for TracerError {
	fn from(error: LayoutError) -> Self {
		Self::Layout(error)
	}
}

impl From<DisclosureError> for TracerError {
	fn from(error: DisclosureError) -> Self {
		Self::Disclosure(error)
	}
}

impl From<RefereeError> for TracerError {
	fn from(error: RefereeError) -> Self {
		Self::Referee(error)
	}
}

/// The tree over the segments of a blob, of which it keeps every 256th level.
#[derive(Clone, Debug)]
pub struct BlobTree {
	chunks: Vec<Hash>,
	digest: Hash,
}

/// Hashes of segments.
fn segments(blob: &[u8]) -> Vec<Hash> {
	let (whole, rest) = blob.as_chunks::<SEGMENT>();
	let whole: Vec<&[u8]> = whole.iter().map(<[u8; SEGMENT]>::as_slice).collect();
	let mut hashes: Vec<Hash> = whole.chunks(FAN_OUT as usize).flat_map(merkle::leaves).collect();
	if !rest.is_empty() {
		hashes.push(merkle::leaf(&filled(rest)));
	}
	hashes
}

fn filled(bytes: &[u8]) -> Vec<u8> {
	let mut segment = bytes.to_vec();
	segment.resize(SEGMENT, 0);
	segment
}

/// Bytes of one chunk of segments.
const CHUNK: usize = SEGMENT * FAN_OUT as usize;

impl BlobTree {
	/// Hashes a blob.
	pub fn new(blob: &[u8]) -> Self {
		let chunks: Vec<Hash> =
			blob.chunks(CHUNK).map(|chunk| merkle::root_of(segments(chunk))).collect();
		let root = merkle::root_of(chunks.clone());
		Self { chunks, digest: merkle::sized(blob.len() as u64, &root) }
	}

	/// Its digest.
	pub fn digest(&self) -> Hash {
		self.digest
	}

	/// Opens a segment of the blob that it was made of.
	pub fn open(&self, blob: &[u8], segment: u32) -> Result<Opening, TracerError> {
		let missing = DisclosureError::NoSuchNode { level: 0, position: segment };
		let bytes = blob.chunks(SEGMENT).nth(segment as usize).ok_or(missing)?;
		let chunk = segment.div_euclid(FAN_OUT);
		let hashes: Vec<Hash> =
			blob.chunks(CHUNK).nth(chunk as usize).map(segments).unwrap_or_default();
		let mut siblings = path(&hashes, segment.rem_euclid(FAN_OUT));
		siblings.extend(path(&self.chunks, chunk));
		Ok(Opening { bytes: filled(bytes), path: siblings })
	}
}

impl Source for BTreeMap<Need, Opening> {
	fn bytes(&self, need: Need) -> Option<&[u8]> {
		self.get(&need).map(|opening| opening.bytes.as_slice())
	}
}

/// What one run is asked for.
#[derive(Default)]
struct Wanted {
	/// Leaves, for their bytes.
	leaves: BTreeMap<u32, Vec<u8>>,
	/// Level-1 nodes, for the hashes of their leaves.
	chunks: BTreeMap<u32, Vec<Hash>>,
}

impl Wanted {
	/// Whether a tensor has something of it.
	fn is_in(&self, layout: &Layout<'_>, step: u32, operator: usize) -> bool {
		let operator = u32::try_from(operator).unwrap_or(u32::MAX);
		let Some(leaves) = layout.leaves_of(step, operator) else { return false };
		let last = leaves.end.saturating_sub(1);
		let chunks = leaves.start.div_euclid(FAN_OUT)..=last.div_euclid(FAN_OUT);
		self.leaves.range(leaves).next().is_some() || self.chunks.range(chunks).next().is_some()
	}
}

/// The upper part of a trace: all that is kept of a run. It borrows nothing, so that whoever owns
/// program, weights and input can put it away between two questions.
pub struct Upper {
	/// Nodes of level 1.
	chunks: Vec<Hash>,
	body: Hash,
	claim: Claim,
	output: Vec<u8>,
	weights_tree: OnceLock<BlobTree>,
	input_tree: OnceLock<BlobTree>,
	recent: Mutex<Recent>,
}

impl Upper {
	/// The digest of the body.
	pub fn body(&self) -> Hash {
		self.body
	}

	/// What the run ended in.
	pub fn claim(&self) -> Claim {
		self.claim
	}
}

impl fmt::Debug for Upper {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.debug_struct("Upper").field("body", &self.body).field("claim", &self.claim).finish()
	}
}

/// The trace of one job.
pub struct Tracer<'a, S> {
	layout: Layout<'a>,
	steps: S,
	weights: &'a [u8],
	input: &'a [u8],
	upper: Arc<Upper>,
}

impl<S> fmt::Debug for Tracer<'_, S> {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.debug_struct("Tracer").field("upper", &self.upper).finish_non_exhaustive()
	}
}

impl<'a> Tracer<'a, ReferenceSteps<'a>> {
	/// Runs a job by the reference and keeps the upper part of its trace.
	pub fn reference(
		program: &'a Program,
		weights: &'a [u8],
		input: &'a [u8],
		parameters: &'a Parameters,
	) -> Result<Self, TracerError> {
		let steps = ReferenceSteps { program, weights, input, parameters };
		Self::new(Layout::new(program, parameters)?, steps, weights, input)
	}
}

impl<'a, S: Steps> Tracer<'a, S> {
	/// Runs a job and keeps the upper part of its trace.
	pub fn new(
		layout: Layout<'a>,
		steps: S,
		weights: &'a [u8],
		input: &'a [u8],
	) -> Result<Self, TracerError> {
		let side_by_side = |count, work: Work<'_>| steps.side_by_side(count, work);
		let mut hasher = Chunks::new(&side_by_side);
		let mut fault = None;
		let outcome = steps.run(&mut |step, operator, bytes| match hasher
			.tensor(&layout, step, operator, bytes)
		{
			Ok(()) => ControlFlow::Continue(()),
			Err(error) => {
				fault = Some(error);
				ControlFlow::Break(())
			},
		});
		if let Some(error) = fault {
			return Err(TracerError::Run(error));
		}
		let outcome = outcome.map_err(TracerError::Run)?;
		let outcome = outcome.ok_or(TracerError::Run("it ended early".into()))?;
		let claim = outcome.claim();
		let output = match outcome {
			Outcome::Output { data, .. } => data,
			Outcome::Invalid(code) => return Err(TracerError::Invalid(code)),
		};
		let chunks = hasher.finish(layout.tree());
		let body = merkle::root_of(chunks.clone());
		let (weights_tree, input_tree) = (OnceLock::new(), OnceLock::new());
		let recent = Mutex::default();
		let upper = Upper { chunks, body, claim, output, weights_tree, input_tree, recent };
		Ok(Self::resume(layout, steps, weights, input, Arc::new(upper)))
	}

	/// Goes on with what [`Self::upper`] gave. All else must be what it was made of: of another
	/// job the answers would be wrong.
	pub fn resume(
		layout: Layout<'a>,
		steps: S,
		weights: &'a [u8],
		input: &'a [u8],
		upper: Arc<Upper>,
	) -> Self {
		Self { layout, steps, weights, input, upper }
	}

	/// All that it keeps of the run.
	pub fn upper(&self) -> &Arc<Upper> {
		&self.upper
	}

	/// Its layout.
	pub fn layout(&self) -> &Layout<'a> {
		&self.layout
	}

	/// The digest of the body.
	pub fn body(&self) -> Hash {
		self.upper.body
	}

	/// What the run ended in.
	pub fn claim(&self) -> Claim {
		self.upper.claim
	}

	/// The root of the trace.
	pub fn root(&self) -> Hash {
		trace_root(&self.body(), &self.claim().output())
	}

	/// What openings are checked against.
	pub fn roots(&self) -> Roots {
		Roots {
			body: self.body(),
			input: self.input_tree().digest(),
			weights: self.weights_tree().digest(),
		}
	}

	fn weights_tree(&self) -> &BlobTree {
		self.upper.weights_tree.get_or_init(|| BlobTree::new(self.weights))
	}

	fn input_tree(&self) -> &BlobTree {
		self.upper.input_tree.get_or_init(|| BlobTree::new(self.input))
	}

	/// The children of a node of the body. Those of level 1 are leaves, and cost a run.
	pub fn children(&self, level: u32, position: u32) -> Result<Vec<Hash>, TracerError> {
		let tree = self.layout.tree();
		if tree.children(level, position) == 0 {
			return Err(DisclosureError::NoSuchNode { level, position }.into());
		}
		match level {
			1 => self.node(position),
			_ => Ok(children_of(&self.upper.chunks, level, position)),
		}
	}

	/// The hashes of the leaves under a node of level 1. Of those leaves one is asked for next, so
	/// they are kept.
	fn node(&self, position: u32) -> Result<Vec<Hash>, TracerError> {
		if let Some(hashes) = self.recent().hashes(position) {
			return Ok(hashes);
		}
		let first = position.saturating_mul(FAN_OUT);
		let count = self.layout.tree().children(1, position);
		let leaves = (first..first.saturating_add(count)).map(|index| (index, Vec::new()));
		let wanted = Wanted { leaves: leaves.collect(), chunks: [(position, Vec::new())].into() };
		let Wanted { leaves, mut chunks } = self.collect(wanted)?;
		let hashes = chunks.remove(&position).unwrap_or_default();
		let leaves = leaves.into_values().collect();
		self.recent().keep_node(Node { position, hashes: hashes.clone(), leaves });
		Ok(hashes)
	}

	fn recent(&self) -> MutexGuard<'_, Recent> {
		// Nothing panics while it is held.
		self.upper.recent.lock().unwrap_or_else(PoisonError::into_inner)
	}

	/// The bytes of a leaf.
	pub fn leaf(&self, index: u32) -> Result<Vec<u8>, TracerError> {
		if self.layout.leaf(index).is_none() {
			return Err(DisclosureError::NoSuchNode { level: 0, position: index }.into());
		}
		if let Some(bytes) = self.recent().leaf(index) {
			return Ok(bytes);
		}
		let wanted = Wanted { leaves: [(index, Vec::new())].into(), ..Wanted::default() };
		Ok(self.collect(wanted)?.leaves.remove(&index).unwrap_or_default())
	}

	/// Everything that a position depends on, opened, and nothing else: of a step after the end
	/// that is the `Stop` row before it alone.
	pub fn openings(&self, position: &Position) -> Result<BTreeMap<Need, Opening>, TracerError> {
		let open = self.open_all(&[*position])?;
		self.only(position, open)
	}

	/// Everything that some positions depend on, opened in as few runs as one of them takes.
	fn open_all(&self, positions: &[Position]) -> Result<BTreeMap<Need, Opening>, TracerError> {
		let mut open = BTreeMap::new();
		loop {
			let mut missing = BTreeSet::new();
			for position in positions {
				let needs = self.layout.needs(position, &open)?;
				missing.extend(needs.into_iter().filter(|need| !open.contains_key(need)));
			}
			if missing.is_empty() {
				return Ok(open);
			}
			open.append(&mut self.open(&missing)?);
		}
	}

	/// Of what was opened that which a position depends on.
	fn only(
		&self,
		position: &Position,
		mut open: BTreeMap<Need, Opening>,
	) -> Result<BTreeMap<Need, Opening>, TracerError> {
		let needs = self.layout.needs(position, &open)?;
		open.retain(|need, _| needs.binary_search(need).is_ok());
		Ok(open)
	}

	/// Opens leaves and segments, all leaves in one run.
	pub fn open(&self, needs: &BTreeSet<Need>) -> Result<BTreeMap<Need, Opening>, TracerError> {
		let mut open = self.recent().openings(needs);
		let missing = needs.iter().filter(|need| !open.contains_key(need));
		let leaves = missing.filter_map(|need| match need {
			Need::Leaf(index) => Some(*index),
			Need::Input(_) | Need::Weights(_) => None,
		});
		let opened = self.open_leaves(leaves.collect())?;
		self.recent().keep_openings(&opened);
		open.extend(opened);
		for need in needs {
			let opening = match need {
				Need::Leaf(_) => continue,
				Need::Input(segment) => self.input_tree().open(self.input, *segment)?,
				Need::Weights(segment) => self.weights_tree().open(self.weights, *segment)?,
			};
			open.insert(*need, opening);
		}
		Ok(open)
	}

	/// Opens leaves in one run.
	fn open_leaves(&self, leaves: BTreeSet<u32>) -> Result<BTreeMap<Need, Opening>, TracerError> {
		if leaves.is_empty() {
			return Ok(BTreeMap::new());
		}
		let chunk_of = |index: u32| index.div_euclid(FAN_OUT);
		let wanted = Wanted {
			leaves: leaves.iter().map(|index| (*index, Vec::new())).collect(),
			chunks: leaves.iter().map(|index| (chunk_of(*index), Vec::new())).collect(),
		};
		let Wanted { leaves, chunks } = self.collect(wanted)?;
		let open = leaves.into_iter().map(|(index, bytes)| {
			let hashes = chunks.get(&chunk_of(index)).map_or(&[][..], Vec::as_slice);
			let mut siblings = path(hashes, index.rem_euclid(FAN_OUT));
			siblings.extend(path(&self.upper.chunks, chunk_of(index)));
			(Need::Leaf(index), Opening { bytes, path: siblings })
		});
		Ok(open.collect())
	}

	/// The partials of a reduction, one for each block, and what the step from them to the
	/// element at `position` depends on.
	pub fn partials(
		&self,
		position: &Position,
	) -> Result<(Vec<Partial>, BTreeMap<Need, Opening>), TracerError> {
		if position.part != Part::Finish {
			return Err(RefereeError::Position.into());
		}
		let blocks = self.layout.blocks(position.step, position.operator);
		let at = |block| Position { part: Part::Block(block), ..*position };
		// Checked before they are listed: there may be as many as a u32 holds.
		self.layout.needs(position, &())?;
		let all: Vec<Position> = std::iter::once(*position).chain((0..blocks).map(at)).collect();
		let open = self.open_all(&all)?;
		let partial = |block| match self.layout.judge(&at(block), &open)? {
			Truth::Partial(partial) => Ok(partial),
			_ => Err(TracerError::from(RefereeError::Position)),
		};
		let partials = (0..blocks).map(partial).collect::<Result<_, _>>()?;
		Ok((partials, self.only(position, open)?))
	}

	/// The honest answer to any question of a game about this trace.
	pub fn answer(&self, question: &Question) -> Result<Answer, TracerError> {
		match *question {
			// An input with an offence has no trace, see [`offence`].
			Question::Offence => Err(TracerError::NoOffence),
			Question::Children { level, position } => {
				self.children(level, position).map(Answer::Children)
			},
			Question::Leaf { index } => self.leaf(index).map(Answer::Bytes),
			Question::Partials { position } => {
				let (partials, open) = self.partials(&position)?;
				Ok(Answer::Partials(partials, listed(open)))
			},
			Question::Openings { position } => {
				self.openings(&position).map(listed).map(Answer::Openings)
			},
			Question::Counts { counts } => {
				let needs = counts.iter().filter_map(|count| self.layout.count_need(*count));
				self.opened(needs, DisclosureError::Count)
			},
			Question::OutputChildren { level, position } => {
				self.output_children(level, position).map(Answer::Children)
			},
			Question::OutputSegment { segment } => {
				let missing = DisclosureError::NoSuchNode { level: 0, position: segment };
				Ok(Answer::Bytes(self.output_segment(segment).ok_or(missing)?))
			},
			Question::OutputOpening { element } => {
				let need = self.layout.output_need(element).ok_or(RefereeError::Position)?;
				self.open(&[need].into()).map(listed).map(Answer::Openings)
			},
		}
	}

	/// Openings of things of which there must be one.
	fn opened(
		&self,
		needs: impl Iterator<Item = Need>,
		missing: DisclosureError,
	) -> Result<Answer, TracerError> {
		let needs: BTreeSet<Need> = needs.collect();
		match needs.is_empty() {
			true => Err(missing.into()),
			false => self.open(&needs).map(listed).map(Answer::Openings),
		}
	}

	/// The output's bytes.
	pub fn output(&self) -> &[u8] {
		&self.upper.output
	}

	/// The root of the segments of the output.
	pub fn output_root(&self) -> Hash {
		merkle::root_of(segments(&self.upper.output))
	}

	/// The children of a node of the output.
	pub fn output_children(&self, level: u32, position: u32) -> Result<Vec<Hash>, TracerError> {
		let missing = DisclosureError::NoSuchNode { level, position };
		let tree = blob_tree(self.upper.output.len() as u64).ok_or(missing)?;
		if tree.children(level, position) == 0 {
			return Err(missing.into());
		}
		let leaves = segments(&self.upper.output);
		let level = level.saturating_add(1);
		Ok(children_of(&leaves, level, position))
	}

	/// The bytes of a segment of the output.
	pub fn output_segment(&self, segment: u32) -> Option<Vec<u8>> {
		self.upper.output.chunks(SEGMENT).nth(segment as usize).map(filled)
	}

	/// Runs the job until everything that is wanted was seen.
	fn collect(&self, mut wanted: Wanted) -> Result<Wanted, TracerError> {
		let tree = self.layout.tree();
		let last_leaf = wanted.leaves.keys().next_back().copied().unwrap_or(0);
		let last_chunk = wanted.chunks.keys().next_back();
		let last_of_chunk = last_chunk
			.map_or(0, |chunk| chunk.saturating_add(1).saturating_mul(FAN_OUT).saturating_sub(1));
		let last = last_leaf.max(last_of_chunk).min(tree.leaves().saturating_sub(1));
		for (chunk, hashes) in &mut wanted.chunks {
			// What the run does not reach is null.
			*hashes = vec![merkle::leaf(NULL); tree.children(1, *chunk) as usize];
		}
		let mut fault = None;
		let outcome = self.steps.run(&mut |step, operator, bytes| {
			if !wanted.is_in(&self.layout, step, operator) {
				return ControlFlow::Continue(());
			}
			match visit_leaves(&self.layout, step, operator, bytes, |index, bytes| {
				if let Some(leaf) = wanted.leaves.get_mut(&index) {
					*leaf = bytes.to_vec();
				}
				let chunk = wanted.chunks.get_mut(&index.div_euclid(FAN_OUT));
				let place = index.rem_euclid(FAN_OUT) as usize;
				if let Some(hash) = chunk.and_then(|chunk| chunk.get_mut(place)) {
					*hash = merkle::leaf(bytes);
				}
				index < last
			}) {
				Ok(true) => ControlFlow::Continue(()),
				Ok(false) => ControlFlow::Break(()),
				Err(error) => {
					fault = Some(error);
					ControlFlow::Break(())
				},
			}
		});
		match (outcome, fault) {
			(_, Some(error)) | (Err(error), _) => Err(TracerError::Run(error)),
			_ => Ok(wanted),
		}
	}
}

/// Openings in the order of what they open.
fn listed(open: BTreeMap<Need, Opening>) -> Openings {
	open.into_iter().collect()
}

/// The first rule that an input breaks, with what shows it: the answer to [`Question::Offence`].
/// None where it breaks no rule, or where the job has no layout and so no game.
pub fn offence(program: &Program, parameters: &Parameters, input: &[u8]) -> Option<Answer> {
	let layout = Layout::new(program, parameters).ok()?;
	let length = input.len() as u64;
	if length != layout.input_length() {
		let root = merkle::root_of(segments(input));
		return Some(Answer::Offence(Offence::Length { length, root }, Openings::new()));
	}
	let offence = Offence::Token(first_bad_token(&layout, input)?);
	let tree = BlobTree::new(input);
	let mut openings = Openings::new();
	for need in layout.offence_needs(&offence) {
		let Need::Input(segment) = need else { return None };
		openings.push((need, tree.open(input, segment).ok()?));
	}
	Some(Answer::Offence(offence, openings))
}

/// The first token of an input of the right length that breaks a rule.
fn first_bad_token(layout: &Layout<'_>, input: &[u8]) -> Option<u64> {
	let Some(Operator::Tokens { vocabulary }) = layout.operator(0) else { return None };
	let row = u64::from(layout.parameters().sequence);
	let pads = !layout.is_decoder();
	let (words, _) = input.as_chunks::<4>();
	let mut before = 0;
	(0u64..).zip(words).find_map(|(index, word)| {
		let begins = index.checked_rem(row) == Some(0);
		let (id, last) = (i32::from_le_bytes(*word), if begins { 0 } else { before });
		before = id;
		let is_bad = match u32::try_from(id) {
			Ok(token) => token >= *vocabulary || last == -1,
			Err(_) => id != -1 || begins || !pads,
		};
		is_bad.then_some(index)
	})
}

/// The children of a node of level 2 or more, from the nodes of level 1.
fn children_of(chunks: &[Hash], level: u32, position: u32) -> Vec<Hash> {
	let mut nodes = chunks.to_vec();
	for _ in 2..level {
		nodes = parents(&nodes);
	}
	nodes.chunks(FAN_OUT as usize).nth(position as usize).unwrap_or(&[]).to_vec()
}

/// Cuts a tensor into its leaves, until `each` says that it has seen enough.
fn visit_leaves(
	layout: &Layout<'_>,
	step: u32,
	operator: usize,
	bytes: &[u8],
	mut each: impl FnMut(u32, &[u8]) -> bool,
) -> Result<bool, String> {
	let number = u32::try_from(operator).unwrap_or(u32::MAX);
	if number >= layout.operators() {
		return Ok(true);
	}
	let unlike = || format!("operator {operator} of step {step} has another size than its shape");
	let rows = layout.rows(step, number).ok_or_else(unlike)?;
	let row_bytes = rows.width.saturating_mul(rows.element_bytes.into());
	if rows.count.saturating_mul(row_bytes) != bytes.len() as u64 {
		return Err(unlike());
	}
	let mut index = layout.first_leaf(step, number).ok_or_else(unlike)?;
	for row in bytes.chunks((row_bytes as usize).max(1)) {
		for leaf in row.chunks(SEGMENT) {
			if !each(index, leaf) {
				return Ok(false);
			}
			index = index.saturating_add(1);
		}
	}
	Ok(true)
}
