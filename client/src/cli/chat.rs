//! `assay chat`.

use super::{output, output::asy, Context};
use assay_client::{
	account::hex32,
	chat::{self, Answer, Conversation, Finish, Settings, Step, Stops, Turn, Until},
	Error, Evidence, Kind, Result,
};
use assay_models::{chat::TextStream, smollm2, ChatTokenizer, Message};
use assay_program::Hash;
use clap::Args;
use futures::{future::LocalBoxFuture, stream::FuturesUnordered, FutureExt, StreamExt};
use serde_json::{json, Value};
use std::{
	cell::RefCell,
	collections::BTreeMap,
	io::{self, BufRead, IsTerminal, Read},
	path::PathBuf,
};
use tokio::sync::mpsc;

/// Tokens of an answer where nothing is said of it.
const ANSWER_TOKENS: u32 = 256;
/// Longest line that is read of a conversation, in bytes.
const LINE_BYTES_MAX: u64 = 1 << 20;

#[derive(Debug, Args)]
pub(crate) struct Chat {
	/// What to say. Without it, a conversation begins, line by line.
	#[arg(long)]
	prompt: Option<String>,
	/// Instructions to the model, instead of its own.
	#[arg(long)]
	system: Option<String>,
	/// Most tokens of an answer. Default: 256, or as many as the model may make.
	#[arg(long)]
	max_tokens: Option<u32>,
	/// How far tokens are drawn from the likeliest: 0 takes that one, 1 draws as the model says.
	#[arg(long, default_value_t = 0.0)]
	temperature: f64,
	/// Draw among this many of the likeliest tokens; 0 draws among all.
	#[arg(long, default_value_t = 0, requires = "temperature")]
	top_k: u32,
	/// Draw among the likeliest tokens that have this probability together.
	#[arg(long, default_value_t = 1.0, requires = "temperature")]
	top_p: f64,
	/// What draws follow from: a whole number, or 0x and 64 digits. Default: drawn, and printed.
	#[arg(long, requires = "temperature")]
	seed: Option<String>,
	/// Show an answer up to this text only; may be given several times. The job goes on.
	#[arg(long = "stop")]
	stops: Vec<String>,
	/// End when an answer is complete and checked for what can be checked by then, not when it is
	/// final: the chain may still refute it, and `assay job wait` says whether it has.
	#[arg(long)]
	no_wait: bool,
	/// The lease to run under. Default: your newest open one of a chat model.
	#[arg(long)]
	lease: Option<u64>,
	/// Folder with the model's file, which holds its tokenizer.
	#[arg(long, env = "ASSAY_CHAT_MODEL_FOLDER", default_value = ".assay/models/smollm2")]
	model_folder: PathBuf,
}

impl Chat {
	pub(crate) async fn run(self, context: &Context) -> Result<()> {
		if self.prompt.is_none() && context.output.is_json() {
			return Err(Error::new(Kind::Usage, "a conversation is no JSON document")
				.next("give one message with --prompt"));
		}
		// What makes no sense is told before a node is asked.
		self.settings(1, [0; 32])?;
		let seed = self.seed.as_deref().map(chat::parse_seed).transpose()?;
		let tokenizer = self.tokenizer()?;
		let chat = chat::Chat::new(&context.chain, &context.account, self.lease).await?;
		let (known, own) = (tokenizer.vocabulary(), chat.vocabulary());
		if known != own as usize {
			let message = format!("the tokenizer knows {known} tokens, the lease's model {own}");
			return Err(Error::new(Kind::Usage, message)
				.next("name the folder of the lease's model with --model-folder"));
		}
		let session = Session { context, options: &self, tokenizer, chat, seed };
		match &self.prompt {
			Some(prompt) => session.once(prompt).await,
			None => session.converse().await,
		}
	}

	fn tokenizer(&self) -> Result<ChatTokenizer> {
		let file = self.model_folder.join(smollm2::MODEL_FILE);
		// What fits is decided by the lease's program.
		ChatTokenizer::from_file(&file, usize::MAX).map_err(|e| {
			Error::new(Kind::Local, e.to_string()).next("name its folder with --model-folder")
		})
	}

	fn settings(&self, longest: u32, seed: [u8; 32]) -> Result<Settings> {
		let max_tokens = self.max_tokens.unwrap_or(ANSWER_TOKENS.min(longest));
		let sampling = chat::sampling(self.temperature, self.top_k, self.top_p, seed)?;
		Ok(Settings { max_tokens, sampling })
	}
}

/// One use of the command.
struct Session<'a> {
	context: &'a Context,
	options: &'a Chat,
	tokenizer: ChatTokenizer,
	chat: chat::Chat,
	seed: Option<[u8; 32]>,
}

/// An answer as text, as far as it may be shown.
struct Text<'a> {
	tokens: TextStream<'a>,
	stops: Stops,
	all: String,
}

impl Text<'_> {
	/// Takes tokens; returns what they add to what is shown.
	fn push(&mut self, ids: &[i32]) -> Result<String> {
		let mut new = String::new();
		for id in ids {
			let text = self.tokens.push(*id).map_err(|e| {
				Error::new(Kind::Mismatch, format!("the provider's answer is no text: {e}"))
			})?;
			new.push_str(&self.stops.push(&text));
		}
		self.all.push_str(&new);
		Ok(new)
	}

	/// What is still to be shown at the end.
	fn rest(&mut self) -> String {
		let mut rest = self.stops.push(self.tokens.clone().finish());
		rest.push_str(&self.stops.finish());
		self.all.push_str(&rest);
		rest
	}
}

/// What happens to an answer on its way.
enum Told {
	Tokens(Vec<i32>),
	Step(Step),
}

/// An answer of a conversation that is not final yet.
type Confirming<'a> = LocalBoxFuture<'a, (usize, Result<Answer>)>;

/// Answers of a conversation that are not final yet.
#[derive(Default)]
struct Open<'a> {
	confirming: FuturesUnordered<Confirming<'a>>,
	/// The jobs of those that are complete, and a block before each, by the turn's number.
	jobs: BTreeMap<usize, (Hash, u32)>,
	/// The last error.
	failed: Option<Error>,
}

/// How a turn of a conversation went on.
enum Heard {
	/// Its answer is complete.
	Answered { text: String, job: Hash },
	/// It cannot be read.
	Failed(Error),
	/// There is none, and why is told.
	Nothing,
}

impl Session<'_> {
	/// Settings of one answer. Each has a seed of its own, unless one was given.
	fn settings(&self) -> Result<Settings> {
		let seed = match self.seed {
			Some(seed) => seed,
			None => chat::draw_seed()?,
		};
		self.options.settings(self.chat.longest_answer(), seed)
	}

	fn text(&self) -> Text<'_> {
		let stops = Stops::new(self.options.stops.clone());
		Text { tokens: self.tokenizer.stream(), stops, all: String::new() }
	}

	fn turn(
		&self,
		conversation: &Conversation,
		number: usize,
		message: &str,
		max_tokens: u32,
	) -> Result<Turn> {
		let encode = |messages: &[Message]| {
			self.tokenizer
				.encode_chat(messages)
				.map_err(|e| Error::new(Kind::Usage, e.to_string()).next("say something else"))
		};
		conversation.say(number, message, self.chat.room(max_tokens), encode)
	}

	/// One message, one answer.
	async fn once(&self, message: &str) -> Result<()> {
		let output = &self.context.output;
		let settings = self.settings()?;
		let conversation = Conversation::new(self.options.system.clone());
		let turn = self.turn(&conversation, 1, message, settings.max_tokens)?;
		let until = if self.options.no_wait { Until::Answered } else { Until::Final };
		let bar = RefCell::new(output.spinner("submitting"));
		let (text, job, unreadable) =
			(RefCell::new(self.text()), RefCell::new(None), RefCell::new(None));
		let show = |ids: &[i32]| {
			// Text and spinner would share a line.
			bar.borrow().finish_and_clear();
			match text.borrow_mut().push(ids) {
				Ok(new) => output.piece(&new),
				// Said at the end: the job goes on.
				Err(error) => *unreadable.borrow_mut() = Some(error),
			}
		};
		let progress = |step| match step {
			Step::Submitted(digest) => {
				*job.borrow_mut() = Some(digest);
				bar.borrow().set_message("waiting for the answer");
			},
			Step::Answered(_) => {
				let rest = text.borrow_mut().rest();
				output.piece(&format!("{rest}\n"));
				*bar.borrow_mut() = output.spinner("waiting for the chain");
			},
			Step::Block { number, revealed, settled } => {
				let state = match (settled, revealed) {
					(0, 0) => "open",
					(0, _) => "revealed",
					_ => "settled",
				};
				bar.borrow().set_message(format!("block {number}: the job is {state}"));
			},
		};
		let answer = tokio::select! {
			answer = self.chat.answer(&turn.prompt, &settings, until, show, progress) => answer,
			_ = tokio::signal::ctrl_c() => Err(stopped(*job.borrow()).with_seed(seed(&settings))),
		};
		bar.borrow().finish_and_clear();
		let Text { stops, all, .. } = text.into_inner();
		let is_begun = !all.is_empty();
		let answer = answer.inspect_err(|_| output.piece(if is_begun { "\n" } else { "" }))?;
		if let Some(error) = unreadable.into_inner() {
			return Err(error.about(answer.job).with_seed(seed(&settings)));
		}
		let finish = self.chat.finish(&answer.tokens, stops.is_over());
		let document = document(&answer, &settings, &all, finish);
		output.confirmed(&summary(&answer, &settings), &document);
		Ok(())
	}

	/// Messages from standard input, line by line. An answer is part of the conversation as soon
	/// as it is complete; meanwhile the chain confirms it, or refutes it, which takes it out again.
	async fn converse(&self) -> Result<()> {
		let mut lines = lines();
		let mut conversation = Conversation::new(self.options.system.clone());
		let mut open = Open::default();
		for number in 1.. {
			let Some(line) = self.next_line(&mut lines, &mut conversation, &mut open).await else {
				break;
			};
			if line.trim().is_empty() {
				continue;
			}
			let prepared = self.prepare(&conversation, number, line.trim()).await;
			let (turn, settings, since) = match prepared {
				Ok(prepared) => prepared,
				// Nothing was sent: the next line may do better.
				Err(error) => {
					output::failure(&error, false);
					continue;
				},
			};
			self.say_what_went(&turn, &settings);
			let (tell, mut told) = mpsc::unbounded_channel();
			let answer = self.answer(number, turn.prompt.clone(), settings, tell);
			open.confirming.push(answer.boxed_local());
			let mut ended = Vec::new();
			match self.show(number, &mut told, &mut open.confirming, &mut ended).await {
				Heard::Answered { text, job } => {
					conversation.answered(turn, text);
					open.jobs.insert(number, (job, since));
				},
				Heard::Failed(error) => open.failed = Some(error),
				Heard::Nothing => {},
			}
			// After the answer has its place: it may be the one that is refuted.
			for done in ended {
				open.end(&mut conversation, done);
			}
		}
		self.context.output.piece("\n");
		match self.options.no_wait {
			true => open.leave(),
			false => self.wait_for(open, conversation).await,
		}
	}

	/// A turn, how its answer is made, and a block before its job.
	async fn prepare(
		&self,
		conversation: &Conversation,
		number: usize,
		message: &str,
	) -> Result<(Turn, Settings, u32)> {
		let settings = self.settings()?;
		let turn = self.turn(conversation, number, message, settings.max_tokens)?;
		Ok((turn, settings, self.context.chain.best_number().await?))
	}

	/// The next line; none at the end of input, or after Ctrl-C.
	async fn next_line(
		&self,
		lines: &mut mpsc::Receiver<String>,
		conversation: &mut Conversation,
		open: &mut Open<'_>,
	) -> Option<String> {
		self.ask_for_a_line();
		loop {
			tokio::select! {
				line = lines.recv() => return line,
				Some(done) = open.confirming.next() => {
					self.context.output.piece("\n");
					open.end(conversation, done);
					self.ask_for_a_line();
				},
				_ = tokio::signal::ctrl_c() => return None,
			}
		}
	}

	fn ask_for_a_line(&self) {
		if io::stdin().is_terminal() {
			self.context.output.piece("> ");
		}
	}

	/// Says which turns the model does not see any more, and a seed that was drawn.
	fn say_what_went(&self, turn: &Turn, settings: &Settings) {
		if turn.dropped > 0 {
			let turns = turn.dropped;
			output::say(&format!("the context is full: the {turns} oldest turns are left out"));
		}
		if let Some(sampling) = &settings.sampling {
			output::say(&format!("seed {}", hex32(&sampling.seed)));
		}
	}

	/// Makes an answer; what happens on the way is told.
	// The queue is not bounded by itself: an answer has a bounded number of tokens, and a job of
	// blocks.
	async fn answer(
		&self,
		number: usize,
		prompt: Vec<i32>,
		settings: Settings,
		tell: mpsc::UnboundedSender<Told>,
	) -> (usize, Result<Answer>) {
		// Whoever does not look any more has gone on to the next message.
		let show = |ids: &[i32]| {
			let _ = tell.send(Told::Tokens(ids.to_vec()));
		};
		let progress = |step| {
			let _ = tell.send(Told::Step(step));
		};
		(number, self.chat.answer(&prompt, &settings, Until::Final, show, progress).await)
	}

	/// Shows an answer as it comes, to its end or until Ctrl-C.
	async fn show(
		&self,
		number: usize,
		told: &mut mpsc::UnboundedReceiver<Told>,
		confirming: &mut FuturesUnordered<Confirming<'_>>,
		ended: &mut Vec<(usize, Result<Answer>)>,
	) -> Heard {
		let output = &self.context.output;
		let (mut text, mut job, mut is_whole) = (self.text(), None, false);
		loop {
			// A provider may answer before its job is seen in a block, which it must be in.
			if let (Some(job), true) = (job, is_whole) {
				return Heard::Answered { text: text.all, job };
			}
			tokio::select! {
				biased;
				Some(told) = told.recv() => match told {
					Told::Tokens(ids) => match text.push(&ids) {
						Ok(new) => output.piece(&new),
						Err(error) => {
							output::failure(&error, false);
							return Heard::Failed(error);
						},
					},
					Told::Step(Step::Submitted(digest)) => job = Some(digest),
					Told::Step(Step::Answered(_)) => {
						let rest = text.rest();
						output.piece(&format!("{rest}\n"));
						is_whole = true;
					},
					Told::Step(Step::Block { .. }) => {},
				},
				Some(done) = confirming.next() => {
					let is_own = done.0 == number;
					ended.push(done);
					if is_own {
						// It ended before it was complete; what came is on the screen.
						output.piece("\n");
						return Heard::Nothing;
					}
				},
				_ = tokio::signal::ctrl_c() => {
					output.piece("\n");
					output::failure(&stopped(job), false);
					return Heard::Nothing;
				},
			}
		}
	}

	/// Waits until every answer is final, or Ctrl-C.
	async fn wait_for(&self, mut open: Open<'_>, mut conversation: Conversation) -> Result<()> {
		let count = open.confirming.len();
		if count > 0 {
			output::say(&format!("{count} answers are not final yet; Ctrl-C leaves"));
		}
		loop {
			tokio::select! {
				done = open.confirming.next() => match done {
					Some(done) => open.end(&mut conversation, done),
					None => return open.failed.map_or(Ok(()), |error| Err(unconfirmed(&error))),
				},
				_ = tokio::signal::ctrl_c() => return Err(stopped(None)),
			}
		}
	}
}

impl Open<'_> {
	/// Tells what became of an answer. One that the chain has refuted leaves the conversation.
	fn end(&mut self, conversation: &mut Conversation, (number, answer): (usize, Result<Answer>)) {
		self.jobs.remove(&number);
		match answer {
			Ok(answer) => {
				let paid = asy(answer.history.price());
				let job = hex32(&answer.job);
				output::say(&format!("answer {number} is final: job {job}, paid {paid}"));
			},
			Err(error) => {
				output::failure(&error.clone().during(&format!("answer {number}")), false);
				if withdraw(conversation, number, &error) {
					output::say(&format!(
						"answer {number} is refuted: it is taken out of the conversation, with its \
						 message; answers since then may have followed it"
					));
				}
				self.failed = Some(error);
			},
		}
	}

	/// Says how to go on with what is not final yet, and leaves it.
	fn leave(self) -> Result<()> {
		for (number, (job, since)) in &self.jobs {
			let next = wait_command(job, *since);
			output::say(&format!("answer {number} is not final yet: {next}"));
		}
		self.failed.map_or(Ok(()), |error| Err(unconfirmed(&error)))
	}
}

/// Takes an answer out that the chain has refuted; says whether it was there.
fn withdraw(conversation: &mut Conversation, number: usize, error: &Error) -> bool {
	error.evidence().is_some_and(Evidence::is_refuted) && conversation.take_out(number)
}

/// What says later whether a job is final.
fn wait_command(job: &Hash, since: u32) -> String {
	format!("assay job wait {} --since {since}", hex32(job))
}

fn seed(settings: &Settings) -> Option<Hash> {
	settings.sampling.as_ref().map(|sampling| sampling.seed)
}

/// What `--json` prints.
fn document(answer: &Answer, settings: &Settings, text: &str, finish: Finish) -> Value {
	let mut document = json!({
		"text": text,
		"tokens": answer.tokens,
		"count": answer.tokens.len(),
		"finish": finish.word(),
		"seed": seed(settings).as_ref().map(hex32),
		"job": hex32(&answer.job),
		"receipt": answer.history.receipt,
		"history": answer.history,
	});
	if !answer.history.is_final {
		document["next"] = wait_command(&answer.job, answer.since).into();
	}
	document
}

/// Lines of standard input, as they come.
fn lines() -> mpsc::Receiver<String> {
	let (sender, receiver) = mpsc::channel(1);
	// A thread of its own: one that waits for a line does not hold up the end of the process.
	std::thread::spawn(move || loop {
		let mut line = String::new();
		let read = io::stdin().lock().take(LINE_BYTES_MAX).read_line(&mut line);
		let is_over = !matches!(read, Ok(bytes) if bytes > 0);
		if is_over || sender.blocking_send(line).is_err() {
			break;
		}
	});
	receiver
}

/// The error of a person who does not wait.
fn stopped(job: Option<Hash>) -> Error {
	let error = Error::new(Kind::Local, "stopped before the end");
	match job {
		None => error.next("a job that was submitted goes on, and is paid for"),
		Some(job) => error
			.about(job)
			.next("the job goes on, and is paid for: follow it with `assay job wait JOB`"),
	}
}

/// The error of a conversation of which an answer failed; that is told already.
fn unconfirmed(last: &Error) -> Error {
	let error = Error::new(last.kind(), "not every answer was confirmed");
	let error = last.jobs().iter().fold(error, |error, job| error.with_job(*job));
	error.next("look above for what went wrong with each of them")
}

fn summary(answer: &Answer, settings: &Settings) -> String {
	let seed = seed(settings).as_ref().map(hex32);
	let seed = seed.map_or_else(String::new, |seed| format!(", seed {seed}"));
	let (job, count) = (hex32(&answer.job), answer.tokens.len());
	if answer.history.is_final {
		return format!(
			"job {job}: {count} tokens, final, paid {}{seed}",
			asy(answer.history.price())
		);
	}
	let next = wait_command(&answer.job, answer.since);
	format!("job {job}: {count} tokens, not final yet{seed}\n  next: {next}")
}

#[cfg(test)]
mod tests {
	use super::*;
	use assay_client::job::History;

	fn answer(tokens: Vec<i32>) -> Answer {
		let receipt = Some(json!({"price": 1}));
		let history = History { receipt, is_final: true, ..History::default() };
		Answer { job: [1; 32], since: 7, tokens, history }
	}

	fn settings(temperature: f64) -> Settings {
		let sampling = chat::sampling(temperature, 0, 1.0, [2; 32]).unwrap();
		Settings { max_tokens: 3, sampling }
	}

	#[test]
	fn one_document_has_the_answer_and_its_receipt() {
		let value = document(&answer(vec![5, 6]), &settings(0.0), "hi", Finish::End);
		for (key, expected) in [
			("text", json!("hi")),
			("tokens", json!([5, 6])),
			("count", json!(2)),
			("finish", json!("end")),
			("seed", Value::Null),
			("job", json!(hex32(&[1; 32]))),
			("receipt", json!({"price": 1})),
		] {
			assert_eq!(value[key], expected, "{key}");
		}
		assert_eq!(value.get("next"), None);
		let full = document(&answer(vec![5, 6, 7]), &settings(1.0), "hi", Finish::Length);
		assert_eq!((&full["finish"], &full["seed"]), (&json!("length"), &json!(hex32(&[2; 32]))));
		assert_eq!(document(&answer(vec![5]), &settings(0.0), "", Finish::Stop)["finish"], "stop");
	}

	#[test]
	fn an_answer_that_is_not_final_says_how_to_wait_for_it() {
		let mut early = answer(vec![5, 6]);
		early.history = History::default();
		let next = format!("assay job wait {} --since 7", hex32(&[1; 32]));
		let value = document(&early, &settings(0.0), "hi", Finish::End);
		assert_eq!((&value["next"], &value["receipt"]), (&json!(next), &Value::Null));
		let line = summary(&early, &settings(1.0));
		assert!(line.contains(&next) && line.contains("not final"), "{line}");
		assert!(line.contains(&hex32(&[2; 32])), "{line}");
	}

	#[test]
	fn only_a_refuted_answer_leaves_the_conversation() {
		let mut conversation = Conversation::new(None);
		for number in 1..3 {
			let encode = |_: &[Message]| Ok(vec![1]);
			let turn = conversation.say(number, "hello", 9, encode).unwrap();
			conversation.answered(turn, "hi".into());
		}
		let late = Error::new(Kind::Late, "no settlement");
		assert!(!withdraw(&mut conversation, 1, &late));
		let evidence = |revealed| Evidence {
			job: [1; 32],
			tokens: vec![5],
			told: Some([2; 32]),
			revealed: Some(revealed),
		};
		let kept = late.clone().with_evidence(evidence([2; 32]));
		assert!(!withdraw(&mut conversation, 1, &kept));
		let refuted = late.with_evidence(evidence([3; 32]));
		assert!(withdraw(&mut conversation, 1, &refuted));
		assert!(!withdraw(&mut conversation, 1, &refuted));
		assert!(withdraw(&mut conversation, 2, &refuted));
	}

	#[test]
	fn a_drawn_seed_is_told() {
		assert!(summary(&answer(vec![1]), &settings(1.0)).contains(&hex32(&[2; 32])));
		assert!(!summary(&answer(vec![1]), &settings(0.0)).contains("seed"));
	}

	#[test]
	fn who_stops_early_gets_the_job() {
		let error = stopped(Some([1; 32]));
		assert_eq!(error.jobs(), [[1; 32]]);
		assert!(error.next_step().is_some_and(|next| next.contains("assay job wait")));
		assert!(stopped(None).jobs().is_empty());
	}

	#[test]
	fn a_conversation_fails_as_its_last_answer_did() {
		let last = Error::new(Kind::Mismatch, "other tokens").about([3; 32]);
		let error = unconfirmed(&last);
		assert_eq!((error.kind(), error.jobs()), (Kind::Mismatch, &[[3; 32]][..]));
	}
}
