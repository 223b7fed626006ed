//! The tokens of a job as its provider makes them.
//!
//! What is shown early counts for nothing by itself. It is how the claim's data must begin: at the
//! end the whole has to have the digest that the provider states, and that it revealed on chain.

use super::{DataClient, Patience, WAIT_MS, WHOM};
use crate::{
	error::{mismatch, Error, Evidence, Kind, Result},
	events::{Event, Parser},
	http::{self, Answer},
	job::{self, Claims, Job},
};
use assay_program::{wire::JobState, Claim, Hash, InvalidCode, Outcome};
use reqwest::Response;
use serde::Deserialize;
use std::{cell::RefCell, time::Duration};
use tokio::time::timeout;

/// Longest time of one connection. What is not over by then goes on with the next.
const CONNECTION_TIME: Duration = Duration::from_secs(600);

/// What a provider has streamed of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
	job: Hash,
	/// Tokens of a step: one for each input of the batch.
	batch: usize,
	/// Steps that the job may have.
	max_steps: u32,
	steps: u32,
	tokens: Vec<i32>,
	told: Option<Hash>,
}

/// The data of a step.
#[derive(Deserialize)]
struct Step {
	step: u32,
	ids: Vec<i32>,
}

/// A rejection inside a stream.
#[derive(Deserialize)]
struct Rejection {
	code: String,
	message: String,
}

/// How a connection ended.
#[derive(Debug)]
enum Heard {
	/// The job is done.
	End(Claim),
	/// Before the end.
	BrokeOff,
	/// The provider says no, with a stable code.
	Rejected { code: String, error: Error },
}

impl Received {
	/// Nothing yet, of `job`.
	pub fn new(job: &Job) -> Self {
		let parameters = &job.request.parameters;
		Self {
			job: job.digest,
			batch: parameters.batch as usize,
			max_steps: parameters.max_steps,
			steps: 0,
			tokens: Vec::new(),
			told: None,
		}
	}

	/// The tokens, step after step.
	pub fn tokens(&self) -> &[i32] {
		&self.tokens
	}

	/// All of it, to be kept beside the output digest on chain.
	pub fn evidence(&self, revealed: Option<Hash>) -> Evidence {
		Evidence { job: self.job, tokens: self.tokens.clone(), told: self.told, revealed }
	}

	fn bytes(&self) -> Vec<u8> {
		self.tokens.iter().flat_map(|id| id.to_le_bytes()).collect()
	}

	/// Takes the next step.
	fn add(&mut self, step: Step) -> Result<()> {
		let is_next = step.step == self.steps && self.steps < self.max_steps;
		if !is_next || step.ids.len() != self.batch {
			return Err(mismatch(format!(
				"the provider streamed step {} with {} tokens where step {} of {} with {} must be",
				step.step,
				step.ids.len(),
				self.steps,
				self.max_steps,
				self.batch
			)));
		}
		self.tokens.extend(step.ids);
		self.steps += 1;
		Ok(())
	}

	/// The outcome that a claim is of, if what was streamed is all of it.
	fn conclude(&mut self, claim: Claim) -> Result<Outcome> {
		self.told = Some(claim.output());
		let data = self.bytes();
		let outcome = match claim {
			Claim::Output { count, .. } => Some(Outcome::Output { count, data }),
			Claim::Invalid { code } if data.is_empty() => invalid(code).map(Outcome::Invalid),
			Claim::Invalid { .. } => None,
		};
		let is_whole = claim.count() == self.steps;
		outcome.filter(|outcome| is_whole && outcome.claim() == claim).ok_or_else(|| {
			mismatch("what the provider streamed is not what it then said the output is")
		})
	}

	/// Takes an outcome that came another way: it must begin with what was streamed. Returns the
	/// tokens that are new.
	fn complete(&mut self, outcome: &Outcome) -> Result<Vec<i32>> {
		self.told = Some(outcome.digest());
		let (steps, data) = match outcome {
			Outcome::Output { count, data } => (*count, data.as_slice()),
			Outcome::Invalid(_) => (0, &[][..]),
		};
		let bytes = (steps as usize).saturating_mul(self.batch).saturating_mul(size_of::<i32>());
		if steps > self.max_steps || data.len() != bytes {
			return Err(mismatch(format!(
				"the provider's output has {} bytes in {steps} steps; {} of {bytes} bytes are possible",
				data.len(),
				self.max_steps
			)));
		}
		if !data.starts_with(&self.bytes()) {
			return Err(mismatch("the provider's output does not begin with what it streamed"));
		}
		let tokens = data.as_chunks::<4>().0.iter().map(|id| i32::from_le_bytes(*id));
		let new: Vec<i32> = tokens.skip(self.tokens.len()).collect();
		self.tokens.extend(&new);
		self.steps = steps;
		Ok(new)
	}
}

fn invalid(code: u32) -> Option<InvalidCode> {
	let codes = [InvalidCode::Shape, InvalidCode::Token, InvalidCode::Padding];
	codes.into_iter().find(|known| known.code() == code)
}

/// What an event of a stream says.
fn read(event: &Event, received: &mut Received) -> Result<Option<Heard>> {
	let malformed = |e: serde_json::Error| {
		mismatch(format!(
			"the event `{}` of the provider's stream does not decode: {}",
			event.name,
			// The decoder's words quote the provider's.
			http::shown(&e.to_string())
		))
	};
	match event.name.as_str() {
		"step" => {
			received.add(serde_json::from_str(&event.data).map_err(malformed)?)?;
			Ok(None)
		},
		"done" | "failed" => match serde_json::from_str(&event.data).map_err(malformed)? {
			JobState::Done { claim } => Ok(Some(Heard::End(claim))),
			JobState::Failed { code } => {
				let error =
					Error::new(Kind::Refused, format!("the job failed there with code {code}"));
				Ok(Some(Heard::Rejected { code: "job_failed".into(), error }))
			},
			JobState::Queued | JobState::Running => {
				Err(mismatch("the provider's stream ends with a job that has not ended"))
			},
		},
		"error" => {
			let Rejection { code, message } =
				serde_json::from_str(&event.data).map_err(malformed)?;
			let error = http::told(WHOM, &code, &message);
			Ok(Some(Heard::Rejected { code, error }))
		},
		// Something of a later version; what counts is checked at the end.
		_ => Ok(None),
	}
}

impl DataClient {
	/// Takes the tokens of a job as they are made, and shows each piece of them; goes on where a
	/// connection broke off, and while the job is open. Returns the outcome that the provider says
	/// they are, which the chain's word is still to be compared with. Whatever fails, `received`
	/// keeps what came.
	pub async fn stream(
		&self,
		job: &Job,
		received: &RefCell<Received>,
		show: impl Fn(&[i32]),
	) -> Result<Outcome> {
		let mut patience = Patience::default();
		loop {
			let before = received.borrow().steps;
			let connection = self.listen(&job.digest, received, &show);
			match timeout(CONNECTION_TIME, connection).await.unwrap_or(Ok(Heard::BrokeOff)) {
				Ok(Heard::End(claim)) => return received.borrow_mut().conclude(claim),
				Ok(Heard::BrokeOff) => {
					let is_open = job::claims(&self.chain, &job.digest).await? != Claims::NotOpen;
					patience.not_yet(is_open, self.chain.best_number().await?)?;
				},
				// It has no streams, or not of so long an output.
				Ok(Heard::Rejected { code, .. })
					if code == "route_unknown" || code == "not_streamed" =>
				{
					return self.all_at_once(job, received, &show).await;
				},
				Ok(Heard::Rejected { code, error }) => patience.rejected(&code, error)?,
				Err(error) if error.kind() == Kind::Unreachable => patience.away(error)?,
				Err(error) => return Err(error),
			}
			if received.borrow().steps > before {
				patience.progress();
			}
			self.chain.new_block().await?;
		}
	}

	async fn all_at_once(
		&self,
		job: &Job,
		received: &RefCell<Received>,
		show: &impl Fn(&[i32]),
	) -> Result<Outcome> {
		let outcome = self.output(&job.digest).await?;
		show(&received.borrow_mut().complete(&outcome)?);
		Ok(outcome)
	}

	/// One connection, from the first step that is not there yet.
	async fn listen(
		&self,
		job: &Hash,
		received: &RefCell<Received>,
		show: &impl Fn(&[i32]),
	) -> Result<Heard> {
		let url = format!(
			"{}/v1/streams/{}?wait_ms={WAIT_MS}&from={}",
			self.endpoint,
			hex::encode(job),
			received.borrow().steps
		);
		let request = self.sign(self.streaming.get(&url), "GET", job).await?;
		match http::send(request, WHOM, &self.endpoint).await? {
			Answer::Rejected { code, error } => Ok(Heard::Rejected { code, error }),
			Answer::Done(response) => hear(response, received, show).await,
		}
	}
}

/// Takes the events of one answer.
async fn hear(
	mut response: Response,
	received: &RefCell<Received>,
	show: &impl Fn(&[i32]),
) -> Result<Heard> {
	let mut parser = Parser::default();
	loop {
		// A connection that breaks is taken up again like one that ends.
		let Ok(Some(piece)) = response.chunk().await else { return Ok(Heard::BrokeOff) };
		for event in parser.push(&piece)? {
			let shown = received.borrow().tokens.len();
			let heard = read(&event, &mut received.borrow_mut())?;
			if let Some(heard) = heard {
				return Ok(heard);
			}
			show(received.borrow().tokens.get(shown..).unwrap_or_default());
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use assay_program::merkle;
	use serde_json::json;
	use std::{
		io::{Read, Write},
		net::TcpListener,
	};

	fn received(batch: usize) -> Received {
		let told = None;
		Received { job: [1; 32], batch, max_steps: 3, steps: 0, tokens: Vec::new(), told }
	}

	fn event(name: &str, data: serde_json::Value) -> Event {
		Event { name: name.into(), data: data.to_string() }
	}

	fn take(received: &mut Received, events: &[Event]) -> Result<Option<Heard>> {
		let mut heard = None;
		for event in events {
			heard = read(event, received)?;
		}
		Ok(heard)
	}

	fn outcome(ids: &[i32]) -> Outcome {
		let data = ids.iter().flat_map(|id| id.to_le_bytes()).collect();
		Outcome::Output { count: ids.len() as u32, data }
	}

	fn done(claim: Claim) -> Event {
		let mut data = json!(JobState::Done { claim });
		data["output"] = crate::account::hex32(&claim.output()).into();
		event("done", data)
	}

	fn step(step: u32, ids: &[i32]) -> Event {
		event("step", json!({ "step": step, "ids": ids }))
	}

	#[test]
	fn steps_one_after_another_are_the_outcome() {
		let mut received = received(1);
		let claim = outcome(&[7, 8]).claim();
		let events = [step(0, &[7]), event("hello", json!({})), step(1, &[8]), done(claim)];
		let Some(Heard::End(told)) = take(&mut received, &events).unwrap() else { panic!() };
		assert_eq!(received.conclude(told).unwrap(), outcome(&[7, 8]));
		let evidence = received.evidence(Some([2; 32]));
		assert_eq!((evidence.tokens, evidence.told), (vec![7, 8], Some(claim.output())));
	}

	/// What a client hears of a provider that sends `body` and closes.
	async fn heard(body: &str, received: &RefCell<Received>) -> (Result<Heard>, Vec<Vec<i32>>) {
		let listener = TcpListener::bind("127.0.0.1:0").unwrap();
		let url = format!("http://{}", listener.local_addr().unwrap());
		let answer = format!("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n{body}");
		let provider = std::thread::spawn(move || {
			let (mut stream, _) = listener.accept().unwrap();
			let _ = stream.read(&mut [0; 4096]).unwrap();
			stream.write_all(answer.as_bytes()).unwrap();
		});
		let shown = RefCell::new(Vec::new());
		let client = http::streaming_client(Duration::from_secs(20)).unwrap();
		let response = client.get(url).send().await.unwrap();
		let show = |ids: &[i32]| shown.borrow_mut().push(ids.to_vec());
		let heard = hear(response, received, &show).await;
		provider.join().unwrap();
		(heard, shown.into_inner())
	}

	#[tokio::test]
	async fn a_stream_goes_on_where_it_broke_off() {
		let claim = outcome(&[7, 8]).claim();
		let text = |event: Event| format!("event: {}\ndata: {}\n\n", event.name, event.data);
		let (first, second) = (text(step(0, &[7])), text(step(1, &[8])));
		let received = RefCell::new(received(1));
		// The second step is cut off in the middle.
		let body = format!(": alive\n\n{first}{}", &second[..second.len() / 2]);
		let (ended, shown) = heard(&body, &received).await;
		assert!(matches!(ended, Ok(Heard::BrokeOff)), "{ended:?}");
		assert_eq!(shown, [[7]]);
		let body = format!("{second}{}", text(done(claim)));
		let (ended, shown) = heard(&body, &received).await;
		let Ok(Heard::End(told)) = ended else { panic!("{ended:?}") };
		assert_eq!(shown, [[8]]);
		assert_eq!(received.borrow_mut().conclude(told).unwrap(), outcome(&[7, 8]));
	}

	#[test]
	fn a_claim_of_other_tokens_is_a_mismatch_and_the_tokens_are_kept() {
		for other in [
			outcome(&[7, 9]).claim(),
			outcome(&[7]).claim(),
			outcome(&[7, 8, 9]).claim(),
			Claim::Output { count: 3, data: merkle::blob(&[7, 0, 0, 0, 8, 0, 0, 0]) },
			Claim::Invalid { code: 1 },
		] {
			let mut received = received(1);
			take(&mut received, &[step(0, &[7]), step(1, &[8])]).unwrap();
			let error = received.conclude(other).unwrap_err();
			assert_eq!(error.kind(), Kind::Mismatch, "{other:?}");
			let evidence = received.evidence(None);
			assert_eq!((evidence.tokens, evidence.told), (vec![7, 8], Some(other.output())));
		}
	}

	#[test]
	fn an_invalid_input_has_no_tokens() {
		let mut received = received(1);
		let outcome = received.conclude(Claim::Invalid { code: 2 }).unwrap();
		assert_eq!(outcome, Outcome::Invalid(InvalidCode::Token));
		assert!(received.conclude(Claim::Invalid { code: 99 }).is_err());
	}

	#[test]
	fn steps_out_of_order_or_of_another_shape_are_refused() {
		for events in [
			vec![step(1, &[7])],
			vec![step(0, &[7]), step(0, &[7])],
			vec![step(0, &[7, 8])],
			vec![step(0, &[])],
			vec![step(0, &[7]), step(1, &[7]), step(2, &[7]), step(3, &[7])],
			vec![event("step", json!({ "step": 0, "ids": [1_i64 << 40] }))],
			vec![event("done", json!({ "state": "running" }))],
		] {
			let error = take(&mut received(1), &events).unwrap_err();
			assert_eq!(error.kind(), Kind::Mismatch, "{events:?}");
		}
		take(&mut received(2), &[step(0, &[7, 8]), step(1, &[9, 10])]).unwrap();
	}

	#[test]
	fn a_failure_and_a_rejection_end_a_connection() {
		for (event, expected) in [
			(event("failed", json!({ "state": "failed", "code": 4 })), "job_failed"),
			(event("error", json!({ "code": "output_gone", "message": "gone" })), "output_gone"),
		] {
			let heard = take(&mut received(1), &[event]).unwrap();
			let Some(Heard::Rejected { code, error }) = heard else { panic!() };
			assert_eq!((code.as_str(), error.kind()), (expected, Kind::Refused));
		}
	}

	#[test]
	fn an_output_that_came_another_way_must_begin_with_what_was_streamed() {
		let mut begun = received(1);
		take(&mut begun, &[step(0, &[7]), step(1, &[8])]).unwrap();
		let mut whole = begun.clone();
		assert_eq!(whole.complete(&outcome(&[7, 8, 9])).unwrap(), [9]);
		assert_eq!(whole.tokens(), [7, 8, 9]);
		for other in [outcome(&[7]), outcome(&[8, 7, 9]), Outcome::Invalid(InvalidCode::Token)] {
			let mut received = begun.clone();
			assert_eq!(received.complete(&other).unwrap_err().kind(), Kind::Mismatch);
			let evidence = received.evidence(None);
			assert_eq!((evidence.tokens, evidence.told), (vec![7, 8], Some(other.digest())));
		}
	}
}
