//! Every way in which the executor says no to a request.
//!
//! One enum, one table: a variant's status and code stand beside its sentence, so they cannot
//! drift apart. Codes are stable: workers and clients decide by them. The sentence is for people
//! and may change; it says what is not so and what to do about it.

use axum::{
	http::{header, HeaderName, HeaderValue, StatusCode},
	response::{IntoResponse, Response},
	Json,
};
use serde::Serialize;

/// The header that repeats the code of a rejection, for callers that do not read JSON.
pub const ERROR_HEADER: HeaderName = HeaderName::from_static("x-assay-error");

macro_rules! rejections {
	($(
		$(#[$doc:meta])*
		$variant:ident $({ $($field:ident: $type:ty),* })? =
			$status:ident, $code:literal, $text:literal;
	)*) => {
		/// A rejection. The crate documentation lists the codes.
		// The fields are the values the sentence names; it documents them.
		#[allow(missing_docs)]
		#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize)]
		#[serde(untagged)]
		#[non_exhaustive]
		pub enum Error {
			$( $(#[$doc])* #[error($text)] $variant $({ $($field: $type),* })?, )*
		}

		impl Error {
			/// Each code with its HTTP status, in the order of the table.
			pub const CODES: &'static [(&'static str, StatusCode)] =
				&[$(($code, StatusCode::$status)),*];

			/// The stable code.
			pub fn code(&self) -> &'static str {
				match self { $( Self::$variant { .. } => $code, )* }
			}

			/// The HTTP status.
			pub fn status(&self) -> StatusCode {
				match self { $( Self::$variant { .. } => StatusCode::$status, )* }
			}
		}
	};
}

rejections! {
	/// No bearer token came with the request.
	TokenMissing = UNAUTHORIZED, "token_missing",
		"no bearer token; send `authorization: Bearer <token>` with the content of the \
		 executor's token file";
	/// The bearer token is another one.
	TokenWrong = UNAUTHORIZED, "token_wrong",
		"the bearer token is not this executor's; read it again from the executor's token file";
	/// Nothing is served at the path.
	RouteUnknown = NOT_FOUND, "route_unknown",
		"nothing is served at this path; the crate documentation lists the routes";
	/// The path does not take the method.
	MethodNotAllowed = METHOD_NOT_ALLOWED, "method_not_allowed",
		"this path does not take this method; the crate documentation lists the routes";
	/// All connections of the listener, or of the caller's address, are in use.
	Busy { connections: usize } = SERVICE_UNAVAILABLE, "busy",
		"all {connections} connections that this listener has for you are in use; try again later";
	/// The executor is being stopped.
	Stopping = SERVICE_UNAVAILABLE, "stopping",
		"the executor is stopping; try again when it is back";
	/// The body came too slowly.
	TooSlow = REQUEST_TIMEOUT, "too_slow",
		"the body stopped coming or came too slowly; send it again without pauses";
	/// The connection broke inside the body.
	BodyBroken = BAD_REQUEST, "body_broken",
		"the body ended before its announced length; send it again";
	/// The body is not what the route takes.
	BodyMalformed { reason: String } = BAD_REQUEST, "body_malformed",
		"the body cannot be read: {reason}";
	/// The query is not what the route takes.
	QueryMalformed = BAD_REQUEST, "query_malformed",
		"the query cannot be read; its parameters are `wait_ms` and, of a stream, `from`: whole \
		 numbers, like the number in `last-event-id`; and, of a job, `class`: `paid` or `watch`";
	/// A digest in the path is not one.
	DigestMalformed = BAD_REQUEST, "digest_malformed",
		"the digest in the path must be 64 hexadecimal digits, with or without 0x";
	/// There is no such kind of blob.
	KindUnknown = NOT_FOUND, "kind_unknown",
		"the kind of a blob is one of program, weights, input and output";
	/// The body is larger than its kind may be.
	TooLarge { what: &'static str, limit: u64 } = PAYLOAD_TOO_LARGE, "too_large",
		"a {what} may have at most {limit} bytes here";
	/// The bytes are not those the digest names. They were not kept.
	DigestMismatch { expected: String, actual: String } = UNPROCESSABLE_ENTITY, "digest_mismatch",
		"the bytes hash to {actual} and not to {expected}; nothing was kept";
	/// The program is not valid. It was not kept.
	ProgramInvalid { reason: String } = UNPROCESSABLE_ENTITY, "program_invalid",
		"the program is not valid, nothing was kept: {reason}";
	/// The bytes are not an encoded outcome. They were not kept.
	OutputMalformed = UNPROCESSABLE_ENTITY, "output_malformed",
		"an output is an encoded outcome, and these bytes are not; nothing was kept";
	/// The blob is not held.
	BlobUnknown { kind: &'static str, digest: String } = NOT_FOUND, "blob_unknown",
		"no {kind} with digest {digest} is held here";
	/// The weights have fewer segments.
	SegmentUnknown { segment: u64, segments: u64 } = NOT_FOUND, "segment_unknown",
		"the weights have {segments} segments, and none with number {segment}";
	/// The list of segments of the weights is being made again.
	SegmentsBusy { digest: String } = SERVICE_UNAVAILABLE, "segments_busy",
		"the list of segments of weights {digest} is being made again; try again later";
	/// The disk budget is used up.
	StoreFull { budget: u64 } = INSUFFICIENT_STORAGE, "store_full",
		"the blob store has used its {budget} bytes and nothing in it may go; raise --store-mib \
		 or remove weights that are no longer served";
	/// The disk refused.
	StoreFailed { reason: String } = INTERNAL_SERVER_ERROR, "store_failed",
		"the blob store failed ({reason}); look at the executor's log and its disk";
	/// The request hashes to another job.
	JobDigestMismatch { actual: String } = UNPROCESSABLE_ENTITY, "job_digest_mismatch",
		"the request is that of job {actual}; submit it under that digest";
	/// The job or statement is of another chain.
	GenesisMismatch { expected: String } = CONFLICT, "genesis_mismatch",
		"this executor serves the chain with genesis {expected}";
	/// The job is not known.
	JobUnknown = NOT_FOUND, "job_unknown",
		"no such job is known here; submit it, or ask the provider it was assigned to";
	/// A blob the job needs is not held.
	BlobMissing { kind: &'static str, digest: String } = CONFLICT, "blob_missing",
		"the job needs the {kind} {digest}, which is not held; put it at \
		 /v1/blobs/{kind}/{digest} and submit again";
	/// The parameters are outside the program's limits.
	ParametersInvalid { reason: String } = UNPROCESSABLE_ENTITY, "parameters_invalid",
		"the program does not take these parameters: {reason}";
	/// The weights are not those of the program.
	WeightsLengthWrong { expected: u64, actual: u64 } =
		UNPROCESSABLE_ENTITY, "weights_length_wrong",
		"the program takes {expected} bytes of weights and this blob has {actual}; name the \
		 weights of this program";
	/// The model does not fit the memory set aside for models.
	ModelTooLarge { bytes: u64, budget: u64 } = UNPROCESSABLE_ENTITY, "model_too_large",
		"the model takes {bytes} bytes and {budget} are set aside for models; raise --models-mib";
	/// The job is larger than this executor takes.
	JobTooLarge { what: &'static str, amount: u64, limit: u64 } =
		UNPROCESSABLE_ENTITY, "job_too_large",
		"the job has {amount} {what} and this executor takes {limit}; split the batch";
	/// The queue is at its bound.
	QueueFull { bound: usize } = SERVICE_UNAVAILABLE, "queue_full",
		"all {bound} places of the queue are taken; try again later";
	/// The journal cannot be written.
	JournalFailed = SERVICE_UNAVAILABLE, "journal_failed",
		"the journal cannot be written, so the job would not survive a restart; look at the \
		 executor's disk and submit again";
	/// A signed request lacks one of its headers.
	SignatureMissing { header: &'static str } = UNAUTHORIZED, "signature_missing",
		"the header {header} is missing; sign the request with the tenant's account";
	/// A header of a signed request cannot be read.
	SignatureMalformed { header: &'static str } = BAD_REQUEST, "signature_malformed",
		"the header {header} cannot be read; account and signature are 0x and hexadecimal \
		 digits, the expiry is a block number";
	/// The signature does not verify.
	SignatureWrong = UNAUTHORIZED, "signature_wrong",
		"the signature is not that of this account over this request; sign genesis, method, \
		 digest and expiry";
	/// The statement's last block has passed.
	SignatureExpired { expiry: u32, block: u32 } = UNAUTHORIZED, "signature_expired",
		"the request was signed until block {expiry} and the chain is at {block}; sign it again";
	/// The statement would live for too long.
	ExpiryTooFar { expiry: u32, latest: u32 } = UNAUTHORIZED, "expiry_too_far",
		"the request is signed until block {expiry} and {latest} is the latest taken; sign it \
		 again";
	/// The account holds no open lease here.
	TenantUnknown = FORBIDDEN, "tenant_unknown",
		"the account has no open lease with this provider; open one, or wait until the node has \
		 seen it";
	/// The node has not told who the tenants are.
	TenantsNotSet = SERVICE_UNAVAILABLE, "tenants_not_set",
		"the node has not told this executor who its tenants are yet; try again later";
	/// The list of tenants is too long.
	TenantsTooMany { limit: usize } = PAYLOAD_TOO_LARGE, "tenants_too_many",
		"at most {limit} tenants are kept; none was changed";
	/// The job belongs to another tenant.
	JobForeign = FORBIDDEN, "job_foreign",
		"the job is another tenant's; sign with the account that submitted it";
	/// The tenant moved too many bytes lately.
	QuotaWindow { limit: u64, seconds: u64 } = TOO_MANY_REQUESTS, "quota_window",
		"a tenant may move {limit} bytes in {seconds} seconds; try again later";
	/// The tenant holds too many bytes.
	QuotaTotal { limit: u64 } = TOO_MANY_REQUESTS, "quota_total",
		"a tenant may keep {limit} bytes of inputs here; older ones make room in time";
	/// The output is no longer held.
	OutputGone { output: String } = GONE, "output_gone",
		"the job is done with output {output}, whose bytes are no longer held here";
	/// The output, or a step of it, is too large to be streamed.
	NotStreamed { bytes: u64, limit: u64 } = CONFLICT, "not_streamed",
		"the output of the job or the event of a step may have {bytes} bytes, and {limit} are \
		 streamed at most; get the output at /v1/outputs when the job is done";
	/// The tenant has too many streams open.
	StreamsTooMany { limit: u32 } = TOO_MANY_REQUESTS, "streams_too_many",
		"the tenant has {limit} streams open, which is the most; close one, or ask at /v1/outputs";
	/// The job failed, so that it has no output.
	JobFailed { failure: u32 } = CONFLICT, "job_failed",
		"the job failed here with code {failure} and has no output; the crate documentation \
		 lists the codes";
	/// The job can have no trace.
	TraceImpossible { reason: String } = UNPROCESSABLE_ENTITY, "trace_impossible",
		"the job can have no trace, and so no game: {reason}";
	/// The trace is not kept.
	TraceUnknown = NOT_FOUND, "trace_unknown",
		"no trace of this job is kept here; post the job's request at /v1/traces/ and its digest";
	/// All traces that are kept are in use.
	TracesFull { bound: usize } = SERVICE_UNAVAILABLE, "traces_full",
		"all {bound} traces that may be kept here are being built or asked; try again later, or \
		 raise --traces";
	/// The trace could not be built.
	TraceFailed { failure: u32 } = CONFLICT, "trace_failed",
		"the trace could not be built, with code {failure}; the crate documentation lists the \
		 codes. Post the job's request again";
	/// The trace does not have what is asked for.
	QuestionUnanswerable { reason: String } = UNPROCESSABLE_ENTITY, "question_unanswerable",
		"the trace of this job has no answer: {reason}";
	/// Too many questions about one trace wait for their answers.
	QuestionsFull { bound: usize } = SERVICE_UNAVAILABLE, "questions_full",
		"{bound} questions about this trace wait for their answers, which is the most; try again \
		 later";
	/// The run that would have answered failed.
	AnswerFailed = INTERNAL_SERVER_ERROR, "answer_failed",
		"the run that would have answered failed; look at the executor's log and ask again";
}

/// The body of a rejection.
#[derive(Serialize)]
struct Body<'a> {
	code: &'static str,
	message: String,
	detail: &'a Error,
}

impl Error {
	/// The body of the rejection: code, sentence and the values in it.
	pub fn body(&self) -> Vec<u8> {
		let body = Body { code: self.code(), message: self.to_string(), detail: self };
		serde_json::to_vec(&body).unwrap_or_default()
	}

	/// Whether the same request may succeed a little later without any change.
	pub fn passes(&self) -> bool {
		matches!(
			self,
			Self::Busy { .. }
				| Self::QueueFull { .. }
				| Self::QuotaWindow { .. }
				| Self::Stopping
				| Self::TracesFull { .. }
				| Self::QuestionsFull { .. }
		)
	}
}

impl IntoResponse for Error {
	fn into_response(self) -> Response {
		let code = HeaderValue::from_static(self.code());
		let body = Body { code: self.code(), message: self.to_string(), detail: &self };
		let mut response = (self.status(), [(ERROR_HEADER, code)], Json(body)).into_response();
		if self.passes() {
			response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
		}
		response.extensions_mut().insert(Rejected(self.code()));
		response
	}
}

/// Left on the response of a rejection, for metrics.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rejected(pub(crate) &'static str);

/// Why a job that was taken has no outcome. The number is what `JobState::Failed` carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Failure {
	/// A blob of the job went away between submission and run.
	BlobGone = 1,
	/// A blob of the job no longer has its digest, and was removed; or its weights' file changed
	/// while it ran.
	BlobCorrupt = 2,
	/// The backend does not take program or weights.
	ModelRefused = 3,
	/// The backend reported an error.
	BackendFailed = 4,
	/// The backend panicked.
	BackendPanicked = 5,
	/// The output could not be kept.
	OutputNotKept = 6,
	/// The executor died each time it ran this job.
	Crashed = 7,
	/// It was only watched, and made room for a job that somebody pays for.
	Displaced = 8,
	/// The device lacks memory for the model or the job, even without other models.
	OutOfMemory = 9,
}

impl Failure {
	/// Every failure with a word for logs and metrics.
	pub const ALL: &'static [(Failure, &'static str)] = &[
		(Failure::BlobGone, "blob_gone"),
		(Failure::BlobCorrupt, "blob_corrupt"),
		(Failure::ModelRefused, "model_refused"),
		(Failure::BackendFailed, "backend_failed"),
		(Failure::BackendPanicked, "backend_panicked"),
		(Failure::OutputNotKept, "output_not_kept"),
		(Failure::Crashed, "crashed"),
		(Failure::Displaced, "displaced"),
		(Failure::OutOfMemory, "out_of_memory"),
	];

	/// The number on the wire.
	pub fn code(self) -> u32 {
		self as u32
	}

	/// Whether it counts as one of the times that a job may fail. It does not where the job had
	/// no part in it, and nothing was lost but time.
	pub fn counts(self) -> bool {
		!matches!(self, Self::BlobGone | Self::OutputNotKept | Self::Displaced | Self::OutOfMemory)
	}

	/// Whether trying again at once would only fail again: what is full takes time to empty.
	pub(crate) fn pauses(self) -> bool {
		matches!(self, Self::OutputNotKept | Self::OutOfMemory)
	}

	/// A word for logs and metrics.
	pub fn word(self) -> &'static str {
		Self::ALL.iter().find(|(f, _)| *f == self).map_or("unknown", |(_, word)| word)
	}
}

/// Why an executor did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
	/// The folder cannot be used.
	#[error("cannot use the folder {folder}: {source}; name another one with --folder")]
	Folder {
		/// The folder.
		folder: String,
		/// What the system said.
		source: std::io::Error,
	},
	/// Another executor works in the folder.
	#[error("another executor works in {0}; stop it, or name another folder with --folder")]
	FolderLocked(String),
	/// The token cannot be read or is unusable.
	#[error("cannot use the token in {file}: {reason}")]
	Token {
		/// The file.
		file: String,
		/// What is wrong with it.
		reason: String,
	},
	/// The duty key cannot be read, or not be made.
	#[error("cannot use the duty key in {file}: {reason}")]
	DutyKey {
		/// The file.
		file: String,
		/// What is wrong with it.
		reason: String,
	},
	/// The journal cannot be read or written.
	#[error("cannot use the journal {file}: {reason}")]
	Journal {
		/// The file.
		file: String,
		/// What is wrong with it.
		reason: String,
	},
	/// The blob store cannot be opened.
	#[error("cannot open the blob store: {0}; look at the disk and its permissions")]
	Store(String),
	/// The backend computes something else than the reference.
	#[error(
		"self-test failed on backend {backend}: {reason}; its results would be slashed, so nothing \
		 is served. Start with --backend reference, and report this machine's processor"
	)]
	SelfTest {
		/// The backend.
		backend: &'static str,
		/// What differed.
		reason: String,
	},
	/// An address cannot be bound.
	#[error("cannot listen on {address}: {source}; name another address with --{option}")]
	Listen {
		/// The address.
		address: std::net::SocketAddr,
		/// The option that names it.
		option: &'static str,
		/// What the system said.
		source: std::io::Error,
	},
	/// A thread cannot be started, or something else of the system failed.
	#[error("cannot start: {0}")]
	System(String),
	/// A limit makes no sense.
	#[error("the limit {name} must be at least {least}")]
	Limit {
		/// Which one.
		name: &'static str,
		/// Its least value.
		least: u64,
	},
}

impl StartError {
	/// The exit code of the command for this error.
	pub fn exit_code(&self) -> u8 {
		match self {
			Self::SelfTest { .. } => 3,
			Self::FolderLocked(_) => 4,
			Self::Listen { .. } => 5,
			_ => 1,
		}
	}
}
