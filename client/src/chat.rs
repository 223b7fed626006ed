//! Messages in, tokens out as they are made: one job for each answer, with a receipt each.

use crate::{
	account::Account,
	chain::Chain,
	data::Received,
	error::{mismatch, Error, Kind, Result},
	job::{History, Job},
	lease::Lease,
	model::Model,
	tenancy::Tenancy,
};
use assay_models::{Message, Role};
use assay_program::{
	CostForm, Dim, Hash, Kind as TensorKind, Operator, Parameters, Program, Sampling,
};
use serde::Serialize;
use std::cell::RefCell;

pub use crate::tenancy::{Step, Until};

/// One in numbers of 16 fraction bits.
const ONE_Q16: f64 = 65_536.0;
/// Highest temperature.
const TEMPERATURE_MAX: f64 = 100.0;
/// Most tokens that a draw may be among.
const TOP_K_MAX: u32 = 1 << 20;

/// How an answer is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
	/// Most tokens of it.
	pub max_tokens: u32,
	/// How tokens are drawn; without it, the likeliest is taken.
	pub sampling: Option<Sampling>,
}

/// How tokens are drawn: none where the temperature is 0. A `top_k` of 0 draws among all.
pub fn sampling(
	temperature: f64,
	top_k: u32,
	top_p: f64,
	seed: [u8; 32],
) -> Result<Option<Sampling>> {
	let usage = |message: String| Err(Error::new(Kind::Usage, message));
	if !(0.0..=TEMPERATURE_MAX).contains(&temperature) {
		let message = format!("a temperature is a number from 0 to {TEMPERATURE_MAX}");
		return usage(format!("{message}, not {temperature}"));
	}
	if !(top_p > 0.0 && top_p <= 1.0) {
		return usage(format!("top-p is a probability above 0 and at most 1, not {top_p}"));
	}
	if top_k > TOP_K_MAX {
		return usage(format!("top-k is at most {TOP_K_MAX}, not {top_k}"));
	}
	if temperature == 0.0 {
		return Ok(None);
	}
	// In range by what was checked above.
	let q16 = |x: f64| (x * ONE_Q16).round().max(1.0) as u32;
	let (temperature_q16, top_p_q16) = (q16(temperature), q16(top_p));
	Ok(Some(Sampling { temperature_q16, top_k, top_p_q16, seed }))
}

/// Reads a seed: a whole number, or 64 hexadecimal digits after `0x`.
pub fn parse_seed(text: &str) -> Result<[u8; 32]> {
	let mut seed = [0; 32];
	let read = match text.strip_prefix("0x") {
		Some(digits) => hex::decode_to_slice(digits, &mut seed).ok(),
		None => text.parse::<u64>().ok().map(|number| {
			if let Some(low) = seed.first_chunk_mut() {
				*low = number.to_le_bytes();
			}
		}),
	};
	read.map(|()| seed).ok_or_else(|| {
		Error::new(Kind::Usage, format!("\"{text}\" is no seed"))
			.next("give a whole number, or 0x and 64 hexadecimal digits")
	})
}

/// Draws a seed.
pub fn draw_seed() -> Result<[u8; 32]> {
	let mut seed = [0; 32];
	getrandom::fill(&mut seed).map_err(|e| {
		Error::new(Kind::Local, format!("the system gives no random bytes: {e}"))
			.next("give a seed with --seed")
	})?;
	Ok(seed)
}

/// An answer: final on chain, or checked for what can be checked before.
#[derive(Clone, Debug, Serialize)]
pub struct Answer {
	/// The job.
	#[serde(serialize_with = "crate::account::as_hex")]
	pub job: Hash,
	/// A block before its submission.
	pub since: u32,
	/// Its tokens, the one that ends it included.
	pub tokens: Vec<i32>,
	/// What happened to the job, as far as it was followed.
	pub history: History,
}

/// Why an answer ends where it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
	/// The model ended it, by a token that means so.
	End,
	/// It has as many tokens as were asked for.
	Length,
	/// A text came at which it is cut off.
	Stop,
}

impl Finish {
	/// The word in documents.
	pub fn word(self) -> &'static str {
		match self {
			Self::End => "end",
			Self::Length => "length",
			Self::Stop => "stop",
		}
	}
}

/// A chat model under a lease.
#[derive(Debug)]
pub struct Chat {
	tenancy: Tenancy,
	vocabulary: u32,
	form: CostForm,
	/// Tokens that end an answer.
	ends: Vec<u32>,
}

impl Chat {
	/// Looks up lease, model, program and provider. Without a lease id, the newest open lease of a
	/// chat model.
	pub async fn new(chain: &Chain, account: &Account, lease: Option<u64>) -> Result<Self> {
		let (tenancy, vocabulary) = Tenancy::new(chain, account, lease, vocabulary).await?;
		let (form, ends) = (tenancy.program.cost_form(), ends(&tenancy.program));
		Ok(Self { tenancy, vocabulary, form, ends })
	}

	/// Why an answer of these tokens ends there, `is_stopped` being whether its text was cut off.
	pub fn finish(&self, tokens: &[i32], is_stopped: bool) -> Finish {
		finish(&self.ends, tokens, is_stopped)
	}

	/// The lease it uses.
	pub fn lease(&self) -> &Lease {
		&self.tenancy.lease
	}

	/// The model it uses.
	pub fn model(&self) -> &Model {
		&self.tenancy.model
	}

	/// Number of tokens that the model knows.
	pub fn vocabulary(&self) -> u32 {
		self.vocabulary
	}

	/// Most tokens of an answer.
	pub fn longest_answer(&self) -> u32 {
		self.form.max_steps
	}

	/// Most tokens of a prompt, beside an answer of `max_tokens`.
	pub fn room(&self, max_tokens: u32) -> u32 {
		room(&self.form, max_tokens)
	}

	/// Answers a prompt, as one job. Tokens are shown as the provider makes them. With
	/// [`Until::Final`] the chain's reveal is compared with the whole of them, and the job is
	/// followed to its receipt in a final block. What cannot be a job is refused before anything is
	/// sent. An error from later on keeps the tokens that came, as [`Evidence`](crate::Evidence),
	/// and the seed.
	pub async fn answer(
		&self,
		prompt: &[i32],
		settings: &Settings,
		until: Until,
		show: impl FnMut(&[i32]),
		progress: impl FnMut(Step),
	) -> Result<Answer> {
		let parameters = parameters(&self.form, self.vocabulary, prompt, settings)?;
		let seed = settings.sampling.as_ref().map(|sampling| sampling.seed);
		let answer = self.answer_as(prompt, parameters, until, show, progress).await;
		answer.map_err(|error| error.with_seed(seed))
	}

	async fn answer_as(
		&self,
		prompt: &[i32],
		parameters: Parameters,
		until: Until,
		show: impl FnMut(&[i32]),
		progress: impl FnMut(Step),
	) -> Result<Answer> {
		let since = self.tenancy.chain.best_number().await?;
		let input = prompt.iter().flat_map(|id| id.to_le_bytes()).collect();
		let jobs = self.tenancy.jobs(vec![(input, parameters)]).await?;
		let job = jobs.first().ok_or_else(|| mismatch("no job was made"))?;
		let received = RefCell::new(Received::new(job));
		let (show, progress) = (RefCell::new(show), RefCell::new(progress));
		let shown = |ids: &[i32]| (show.borrow_mut())(ids);
		let ask = async |job: &Job| self.tenancy.data.stream(job, &received, shown).await;
		let ended =
			self.tenancy.run(&jobs, until, ask, |step| (progress.borrow_mut())(step)).await?;
		let ended = ended.into_iter().next().ok_or_else(|| mismatch("no job was run"))?;
		let received = received.into_inner();
		match ended.result {
			Ok(_) => Ok(Answer {
				job: job.digest,
				since,
				tokens: received.tokens().to_vec(),
				history: ended.history,
			}),
			Err(error) if received.tokens().is_empty() => Err(error),
			Err(error) => Err(error.with_evidence(received.evidence(ended.history.output))),
		}
	}
}

/// The vocabulary of a program that makes tokens step by step.
fn vocabulary(program: &Program) -> Result<u32> {
	let output = program.output().map_err(|e| mismatch(e.to_string()))?;
	match (output.kind, output.dims.as_slice()) {
		(TensorKind::Tokens { vocabulary }, [Dim::Batch]) => Ok(vocabulary),
		_ => Err(Error::new(Kind::Usage, "the lease's model is no chat model")
			.next("name the lease of a chat model with --lease")),
	}
}

/// The tokens by which a program's rows end.
fn ends(program: &Program) -> Vec<u32> {
	let mut operators = program.operators.iter();
	let ends = operators.find_map(|operator| match operator {
		Operator::Stop { ends, .. } => Some(ends.clone()),
		_ => None,
	});
	ends.unwrap_or_default()
}

fn finish(ends: &[u32], tokens: &[i32], is_stopped: bool) -> Finish {
	let last = tokens.last().and_then(|last| u32::try_from(*last).ok());
	match last.is_some_and(|last| ends.contains(&last)) {
		_ if is_stopped => Finish::Stop,
		true => Finish::End,
		false => Finish::Length,
	}
}

fn room(form: &CostForm, max_tokens: u32) -> u32 {
	form.max_sequence.saturating_sub(max_tokens.saturating_sub(1))
}

/// The parameters of a job that answers a prompt.
fn parameters(
	form: &CostForm,
	vocabulary: u32,
	prompt: &[i32],
	settings: &Settings,
) -> Result<Parameters> {
	let usage = |message: String, next: &str| Err(Error::new(Kind::Usage, message).next(next));
	let Settings { max_tokens, sampling } = settings.clone();
	if !(1..=form.max_steps).contains(&max_tokens) {
		let message = format!("an answer has 1 to {} tokens, not {max_tokens}", form.max_steps);
		return usage(message, "give another number with --max-tokens");
	}
	let is_token = |id: &i32| u32::try_from(*id).is_ok_and(|id| id < vocabulary);
	if let Some(at) = prompt.iter().position(|id| !is_token(id)) {
		let id = prompt.get(at).copied().unwrap_or_default();
		let message = format!("token {id} at place {at} is none of the model's {vocabulary}");
		return usage(message, "use the tokenizer of the lease's model, by --model-folder");
	}
	let (length, room) = (prompt.len(), room(form, max_tokens));
	if length == 0 {
		return usage("the prompt has no tokens".into(), "say something");
	}
	let sequence = u32::try_from(length).ok().filter(|length| *length <= room);
	let Some(sequence) = sequence else {
		let message = format!(
			"the prompt has {length} tokens, and {room} fit beside an answer of {max_tokens}: the \
			 context has {}",
			form.max_sequence
		);
		return usage(message, "shorten the prompt, or lower --max-tokens");
	};
	if sampling.is_some() && !form.sampling {
		let message = "the lease's model draws no tokens".to_string();
		return usage(message, "leave --temperature away");
	}
	let parameters = Parameters { batch: 1, sequence, max_steps: max_tokens, sampling };
	match form.check(&parameters) {
		Ok(()) => Ok(parameters),
		Err(error) => usage(format!("the model does not take this: {error}"), "change it"),
	}
}

/// A conversation, whose oldest turns go when it becomes too long.
#[derive(Clone, Debug, Default)]
pub struct Conversation {
	said: Vec<Said>,
}

/// A message, and the turn it belongs to: instructions belong to none.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Said {
	turn: Option<usize>,
	message: Message,
}

/// What a conversation comes to with one more message of the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
	number: usize,
	said: Vec<Said>,
	/// Its tokens.
	pub prompt: Vec<i32>,
	/// Old turns that had to go.
	pub dropped: usize,
}

impl Conversation {
	/// A new one; the model may be given instructions.
	pub fn new(system: Option<String>) -> Self {
		let instructions = |content| Message { role: Role::System, content };
		let said = |message| Said { turn: None, message };
		Self { said: system.into_iter().map(instructions).map(said).collect() }
	}

	/// What one more message makes of it, in at most `room` tokens, as turn `number`. Nothing is
	/// kept until it is [`Self::answered`].
	pub fn say(
		&self,
		number: usize,
		message: &str,
		room: u32,
		encode: impl Fn(&[Message]) -> Result<Vec<i32>>,
	) -> Result<Turn> {
		let mut said = self.said.clone();
		let message = Message { role: Role::User, content: message.into() };
		said.push(Said { turn: Some(number), message });
		let mut dropped = 0;
		loop {
			let messages: Vec<_> = said.iter().map(|said| said.message.clone()).collect();
			let prompt = encode(&messages)?;
			if prompt.len() <= room as usize {
				return Ok(Turn { number, said, prompt, dropped });
			}
			let oldest = said.iter().find_map(|said| said.turn).filter(|turn| *turn != number);
			let Some(oldest) = oldest else {
				let tokens = prompt.len();
				return Err(Error::new(
					Kind::Usage,
					format!("the message makes a prompt of {tokens} tokens, and {room} fit"),
				)
				.next("shorten it, or lower --max-tokens"));
			};
			said.retain(|said| said.turn != Some(oldest));
			dropped += 1;
		}
	}

	/// Keeps a turn and its answer.
	pub fn answered(&mut self, turn: Turn, answer: String) {
		self.said = turn.said;
		let message = Message { role: Role::Assistant, content: answer };
		self.said.push(Said { turn: Some(turn.number), message });
	}

	/// Takes a turn out, message and answer: the answer was none. Says whether it was still there.
	pub fn take_out(&mut self, number: usize) -> bool {
		let before = self.said.len();
		self.said.retain(|said| said.turn != Some(number));
		self.said.len() < before
	}
}

/// Text that ends at the first of some strings, of which no part is shown.
#[derive(Clone, Debug, Default)]
pub struct Stops {
	stops: Vec<String>,
	/// What may be the beginning of one.
	held: String,
	is_over: bool,
}

impl Stops {
	/// Ends at one of `stops`; empty ones are none.
	pub fn new(mut stops: Vec<String>) -> Self {
		stops.retain(|stop| !stop.is_empty());
		Self { stops, ..Self::default() }
	}

	/// Whether one has come.
	pub fn is_over(&self) -> bool {
		self.is_over
	}

	/// Takes more text; returns what may be shown now.
	pub fn push(&mut self, text: &str) -> String {
		if self.is_over {
			return String::new();
		}
		self.held.push_str(text);
		let found = self.stops.iter().filter_map(|stop| self.held.find(stop.as_str())).min();
		let end = match found {
			Some(at) => {
				self.is_over = true;
				at
			},
			None => self.first_beginning(),
		};
		let rest = self.held.split_off(end);
		let shown = std::mem::replace(&mut self.held, rest);
		if self.is_over {
			self.held.clear();
		}
		shown
	}

	/// Where what is held may begin one that is still to come; its end if nowhere.
	fn first_beginning(&self) -> usize {
		let begins = |at: &usize| {
			let rest = self.held.get(*at..).unwrap_or_default();
			self.stops.iter().any(|stop| stop.starts_with(rest))
		};
		let longest = self.stops.iter().map(String::len).max().unwrap_or(0);
		let from = self.held.len().saturating_sub(longest);
		(from..self.held.len())
			.filter(|at| self.held.is_char_boundary(*at))
			.find(begins)
			.unwrap_or(self.held.len())
	}

	/// What is left at the end of the text.
	pub fn finish(&mut self) -> String {
		std::mem::take(&mut self.held)
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use assay_program::CostForm;

	fn form() -> CostForm {
		CostForm {
			semantics: 1,
			max_batch: 1,
			max_sequence: 16,
			max_steps: 8,
			sampling: true,
			macs: [0; 4],
			input_bytes: [0; 4],
			output_bytes: [0; 4],
		}
	}

	fn greedy(max_tokens: u32) -> Settings {
		Settings { max_tokens, sampling: None }
	}

	#[test]
	fn a_prompt_and_its_answer_share_the_context() {
		let parameters =
			|length, max_tokens| parameters(&form(), 100, &vec![1; length], &greedy(max_tokens));
		assert_eq!(
			parameters(9, 8).unwrap(),
			Parameters { batch: 1, sequence: 9, max_steps: 8, sampling: None }
		);
		assert_eq!(parameters(16, 1).unwrap().sequence, 16);
		let error = parameters(10, 8).unwrap_err();
		assert!(error.message().contains("10 tokens, and 9 fit"), "{error}");
		assert!(error.next_step().is_some_and(|next| next.contains("--max-tokens")));
		for (length, max_tokens) in [(17, 1), (0, 1), (1, 0), (1, 9), (1, u32::MAX)] {
			assert_eq!(parameters(length, max_tokens).unwrap_err().kind(), Kind::Usage);
		}
	}

	#[test]
	fn what_is_no_token_of_the_model_is_refused_by_its_place() {
		for id in [-1, 100, i32::MIN, i32::MAX] {
			let error = parameters(&form(), 100, &[0, 99, id], &greedy(1)).unwrap_err();
			assert_eq!(error.kind(), Kind::Usage);
			assert!(error.message().contains(&format!("token {id} at place 2")), "{error}");
		}
	}

	#[test]
	fn absurd_ways_to_draw_are_refused() {
		let seed = [1; 32];
		let drawn = sampling(0.7, 40, 0.9, seed).unwrap().unwrap();
		assert_eq!(
			(drawn.temperature_q16, drawn.top_k, drawn.top_p_q16, drawn.seed),
			(45_875, 40, 58_982, seed)
		);
		assert_eq!(sampling(0.0, 0, 1.0, seed).unwrap(), None);
		// Small, but not nothing.
		assert_eq!(sampling(1e-9, 0, 1e-9, seed).unwrap().unwrap().temperature_q16, 1);
		assert_eq!(sampling(100.0, TOP_K_MAX, 1.0, seed).unwrap().unwrap().top_p_q16, 65_536);
		for (temperature, top_k, top_p) in [
			(-0.1, 0, 1.0),
			(100.1, 0, 1.0),
			(f64::NAN, 0, 1.0),
			(f64::INFINITY, 0, 1.0),
			(1.0, TOP_K_MAX + 1, 1.0),
			(1.0, 0, 0.0),
			(1.0, 0, 1.1),
			(1.0, 0, f64::NAN),
		] {
			let error = sampling(temperature, top_k, top_p, seed).unwrap_err();
			assert_eq!(error.kind(), Kind::Usage, "{temperature} {top_k} {top_p}");
		}
		let settings = Settings { max_tokens: 1, sampling: Some(drawn) };
		assert!(parameters(&form(), 100, &[1], &settings).is_ok());
		let never = CostForm { sampling: false, ..form() };
		assert_eq!(parameters(&never, 100, &[1], &settings).unwrap_err().kind(), Kind::Usage);
	}

	#[test]
	fn seeds_are_numbers_or_all_their_digits() {
		assert_eq!(parse_seed("258").unwrap()[..3], [2, 1, 0]);
		let digits = format!("0x{}", "ab".repeat(32));
		assert_eq!(parse_seed(&digits).unwrap(), [0xab; 32]);
		for wrong in ["", "-1", "0x12", "x", "18446744073709551616"] {
			assert_eq!(parse_seed(wrong).unwrap_err().kind(), Kind::Usage, "{wrong}");
		}
		assert_ne!(draw_seed().unwrap(), draw_seed().unwrap());
	}

	/// One token for each character.
	fn characters(messages: &[Message]) -> Result<Vec<i32>> {
		Ok(messages.iter().flat_map(|m| m.content.chars()).map(|c| c as i32).collect())
	}

	fn say(conversation: &mut Conversation, message: &str, room: u32) -> Result<(usize, String)> {
		let number = conversation.said.iter().filter_map(|said| said.turn).max().unwrap_or(0) + 1;
		let turn = conversation.say(number, message, room, characters)?;
		let text = turn.prompt.iter().filter_map(|id| char::from_u32(*id as u32)).collect();
		let dropped = turn.dropped;
		conversation.answered(turn, message.to_uppercase());
		Ok((dropped, text))
	}

	#[test]
	fn old_turns_go_and_instructions_stay() {
		let mut conversation = Conversation::new(Some("!".into()));
		assert_eq!(say(&mut conversation, "ab", 9).unwrap(), (0, "!ab".into()));
		assert_eq!(say(&mut conversation, "cd", 9).unwrap(), (0, "!abABcd".into()));
		assert_eq!(say(&mut conversation, "ef", 9).unwrap(), (1, "!cdCDef".into()));
		// What is gone stays gone, and both turns go where one is not enough.
		assert_eq!(say(&mut conversation, "ghijklm", 9).unwrap(), (2, "!ghijklm".into()));
		let error = say(&mut conversation, "ghijklmno", 9).unwrap_err();
		assert_eq!(error.kind(), Kind::Usage);
		assert!(error.message().contains("10 tokens, and 9 fit"), "{error}");
		// What failed has changed nothing.
		assert_eq!(say(&mut conversation, "", 99).unwrap().1, "!ghijklmGHIJKLM");
	}

	#[test]
	fn a_conversation_without_instructions_drops_its_first_turn() {
		let mut conversation = Conversation::new(None);
		say(&mut conversation, "ab", 5).unwrap();
		assert_eq!(say(&mut conversation, "cd", 5).unwrap(), (1, "cd".into()));
	}

	#[test]
	fn a_turn_whose_answer_was_none_is_as_if_never_said() {
		let mut conversation = Conversation::new(Some("!".into()));
		for message in ["ab", "cd", "ef"] {
			say(&mut conversation, message, 99).unwrap();
		}
		assert!(conversation.take_out(2));
		assert!(!conversation.take_out(2) && !conversation.take_out(7));
		assert_eq!(say(&mut conversation, "gh", 99).unwrap().1, "!abABefEFgh");
		// Old turns go as before.
		assert_eq!(say(&mut conversation, "ij", 11).unwrap(), (1, "!efEFghGHij".into()));
	}

	#[test]
	fn an_answer_ends_by_its_last_token_if_that_means_an_end() {
		let ends = [2, 7];
		assert_eq!(finish(&ends, &[5, 2], false), Finish::End);
		// As many as were asked for, and it would not have gone on.
		assert_eq!(finish(&ends, &[5, 6, 7], false), Finish::End);
		assert_eq!(finish(&ends, &[2, 5], false), Finish::Length);
		assert_eq!(finish(&ends, &[5, 2], true), Finish::Stop);
		for tokens in [&[][..], &[-1]] {
			assert_eq!(finish(&ends, tokens, false), Finish::Length);
		}
	}

	#[test]
	fn text_ends_at_the_first_stop_however_it_comes() {
		let text = "one two\n\nUser: three\u{e4}four";
		for (stops, expected) in [
			(vec!["\n\n", "User:"], "one two"),
			(vec!["User:"], "one two\n\n"),
			(vec!["three\u{e4}fours"], text),
			(vec!["", "zzz"], text),
			(vec!["o"], ""),
			(vec![], text),
			(vec!["wo\n", "two"], "one "),
		] {
			let stops: Vec<String> = stops.into_iter().map(String::from).collect();
			for piece in 1..text.chars().count() {
				let mut shown = Stops::new(stops.clone());
				let mut all = String::new();
				let characters: Vec<char> = text.chars().collect();
				for piece in characters.chunks(piece) {
					all.push_str(&shown.push(&piece.iter().collect::<String>()));
				}
				assert_eq!(shown.is_over(), expected != text);
				all.push_str(&shown.finish());
				assert_eq!(all, expected, "{stops:?} in pieces of {piece}");
			}
		}
	}

	#[test]
	fn text_that_begins_no_stop_is_shown_at_once() {
		let mut stops = Stops::new(vec!["</s>".into()]);
		assert_eq!(stops.push("a < b"), "a < b");
		assert_eq!(stops.push("c <"), "c ");
		assert_eq!(stops.push("/"), "");
		assert_eq!(stops.push("x"), "</x");
	}
}
