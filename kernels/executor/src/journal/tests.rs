use super::*;
use assay_program::Parameters;
use tempfile::TempDir;

const ATTEMPTS: u32 = 3;
const FINISHED: usize = 8;

fn request(nonce: u64) -> JobRequest {
	JobRequest {
		genesis: [0; 32],
		program: [1; 32],
		weights: [2; 32],
		input: [3; 32],
		parameters: Parameters::encoder(1, 2),
		tenant: [4; 32],
		nonce,
	}
}

fn queued(nonce: u64) -> Record {
	Record::Queued { request: request(nonce), starts: 0 }
}

fn done(nonce: u64) -> Record {
	let claim = Claim::Output { count: 1, data: [nonce as u8; 32] };
	Record::Done { job: request(nonce).digest(), tenant: [4; 32], claim }
}

fn failed(nonce: u64, starts: u32) -> Record {
	let (job, tenant) = (request(nonce).digest(), [4; 32]);
	Record::Failed { job, tenant, code: 4, starts }
}

fn open(folder: &TempDir) -> (Journal, Ledger, Replay) {
	Journal::open(folder.path(), None, &limits(u64::MAX)).unwrap()
}

fn limits(journal_bytes: u64) -> Limits {
	Limits { finished: FINISHED, attempts: ATTEMPTS, journal_bytes, ..Limits::default() }
}

fn open_nonces(ledger: &Ledger) -> Vec<u64> {
	ledger.open.values().map(|open| open.request.nonce).collect()
}

/// Waits until all is on disk. The thread goes on until the last sender is dropped.
async fn close(journal: Journal) {
	written(journal.sync()).await.unwrap();
}

#[tokio::test]
async fn what_was_written_is_read_back() {
	let folder = TempDir::new().unwrap();
	let (journal, ledger, replay) = open(&folder);
	assert_eq!((ledger.open.len(), ledger.ended.len(), replay.lines), (0, 0, 0));
	for nonce in [5, 3, 4] {
		written(journal.append(vec![queued(nonce)])).await.unwrap();
	}
	journal.note(Record::Started { job: request(3).digest() });
	written(journal.append(vec![done(3)])).await.unwrap();
	journal.note(Record::Started { job: request(5).digest() });
	close(journal).await;
	let (journal, ledger, replay) = open(&folder);
	assert_eq!(open_nonces(&ledger), [5, 4]);
	assert_eq!(ledger.open[&0].starts, 1);
	let claim = Claim::Output { count: 1, data: [3; 32] };
	let (job, input) = (request(3).digest(), Some(request(3).input));
	assert_eq!(ledger.ended, [Ended { job, tenant: [4; 32], input, end: End::Done { claim } }]);
	assert_eq!(replay, Replay { lines: 6, damaged: 0 });
	close(journal).await;
	// Written anew at each start: two open jobs, of which one is under way, and one that ended,
	// with its input.
	let (_, again, replay) = open(&folder);
	assert_eq!((again.ended, replay), (ledger.ended, Replay { lines: 5, damaged: 0 }));
}

#[test]
fn a_cut_at_any_byte_costs_one_line_at_most() {
	let folder = TempDir::new().unwrap();
	let path = folder.path().join("journal");
	let records = [queued(1), queued(2), done(1), queued(3)];
	let mut text = HEADER.to_owned();
	// Where each line ends, and the jobs open from there on.
	let mut ends = vec![(text.len(), vec![])];
	for (record, open) in records.iter().zip([vec![1], vec![1, 2], vec![2], vec![2, 3]]) {
		text.push_str(&line(record));
		ends.push((text.len(), open));
	}
	for cut in HEADER.len()..=text.len() {
		fs::write(&path, &text.as_bytes()[..cut]).unwrap();
		let (ledger, replay) = read(&path, FINISHED).unwrap();
		let (whole, expected) = ends.iter().rfind(|(end, _)| *end <= cut).unwrap();
		assert_eq!(open_nonces(&ledger), *expected, "cut at {cut}");
		assert_eq!(replay.damaged, u64::from(cut > *whole), "cut at {cut}");
	}
}

#[test]
fn a_changed_bit_anywhere_costs_its_line_and_no_other() {
	let folder = TempDir::new().unwrap();
	let path = folder.path().join("journal");
	let text = [HEADER, &line(&queued(1)), &line(&queued(2)), &line(&queued(3))].concat();
	let second = HEADER.len() + line(&queued(1)).len();
	// All but its newline, whose loss joins it to the next line.
	for at in second..second + line(&queued(2)).len() - 1 {
		let mut bytes = text.clone().into_bytes();
		bytes[at] ^= 1;
		fs::write(&path, bytes).unwrap();
		let (ledger, replay) = read(&path, FINISHED).unwrap();
		assert_eq!(open_nonces(&ledger), [1, 3], "bit at {at}");
		assert!(replay.damaged >= 1);
	}
}

#[test]
fn noise_is_never_read_as_records() {
	let folder = TempDir::new().unwrap();
	let path = folder.path().join("journal");
	let mut noise = HEADER.as_bytes().to_vec();
	noise.extend((0..200_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8));
	fs::write(&path, &noise).unwrap();
	let (ledger, replay) = read(&path, FINISHED).unwrap();
	assert_eq!((ledger.open.len(), ledger.ended.len(), replay.lines), (0, 0, 0));
	assert!(replay.damaged > 0);
	fs::write(&path, "something else\n").unwrap();
	assert_eq!(read(&path, FINISHED).unwrap_err().kind(), io::ErrorKind::InvalidData);
}

#[tokio::test]
async fn a_job_that_takes_the_process_down_is_given_up() {
	let folder = TempDir::new().unwrap();
	for start in 0..ATTEMPTS {
		let (journal, ledger, _) = open(&folder);
		if start == 0 {
			written(journal.append(vec![queued(1)])).await.unwrap();
		} else {
			assert_eq!(open_nonces(&ledger), [1], "start {start}");
		}
		journal.note(Record::Started { job: request(1).digest() });
		close(journal).await;
	}
	let (_, ledger, _) = open(&folder);
	assert!(ledger.open.is_empty());
	let end = End::Failed { code: Failure::Crashed.code(), starts: ATTEMPTS };
	let (job, input) = (request(1).digest(), Some(request(1).input));
	assert_eq!(ledger.ended, [Ended { job, tenant: [4; 32], input, end }]);
}

#[tokio::test]
async fn a_start_that_a_stop_ended_does_not_count() {
	let folder = TempDir::new().unwrap();
	let job = request(1).digest();
	for start in 0..2 * ATTEMPTS {
		let (journal, ledger, _) = open(&folder);
		if start == 0 {
			written(journal.append(vec![queued(1)])).await.unwrap();
		} else {
			assert_eq!(ledger.open[&0].starts, 0, "start {start}");
		}
		journal.note(Record::Started { job });
		journal.note(Record::Stopped { job });
		close(journal).await;
	}
	// Of a job that is not open it says nothing.
	let mut ledger = Ledger::new(FINISHED);
	ledger.apply(Record::Stopped { job });
	ledger.apply(done(1));
	ledger.apply(Record::Stopped { job });
	assert!(ledger.open.is_empty());
}

#[tokio::test]
async fn jobs_of_another_chain_are_dropped() {
	let folder = TempDir::new().unwrap();
	let (journal, ..) = open(&folder);
	let other = JobRequest { genesis: [9; 32], ..request(2) };
	written(journal.append(vec![queued(1)])).await.unwrap();
	written(journal.append(vec![Record::Queued { request: other, starts: 0 }])).await.unwrap();
	close(journal).await;
	assert_eq!(open_nonces(&open(&folder).1), [1, 2]);
	let limits = limits(u64::MAX);
	let (_, ledger, _) = Journal::open(folder.path(), Some(&[9; 32]), &limits).unwrap();
	assert_eq!(open_nonces(&ledger), [2]);
	assert_eq!(ledger.numbers.len(), 1);
}

#[test]
fn a_ledger_is_what_its_records_add_up_to() {
	let mut ledger = Ledger::new(FINISHED);
	for nonce in 0..20 {
		ledger.apply(queued(nonce));
		if nonce % 3 != 0 {
			ledger.apply(done(nonce));
		}
	}
	// One that failed, was tried again, and is open or done.
	for (nonce, end) in [(30, None), (31, Some(done(31)))] {
		ledger.apply(queued(nonce));
		ledger.apply(failed(nonce, 1));
		ledger.apply(Record::Queued { request: request(nonce), starts: 1 });
		end.into_iter().for_each(|end| ledger.apply(end));
	}
	assert_eq!(ledger.ended.len(), FINISHED);
	let mut again = Ledger::new(FINISHED);
	ledger.records().for_each(|record| again.apply(record));
	assert_eq!(open_nonces(&again), open_nonces(&ledger));
	assert_eq!(open_nonces(&again), [0, 3, 6, 9, 12, 15, 18, 30]);
	assert_eq!(again.ended, ledger.ended);
}

#[test]
fn what_was_under_way_is_known_and_counted_once_however_often_it_is_written_anew() {
	let started = |nonce| Record::Started { job: request(nonce).digest() };
	let stopped = |nonce| Record::Stopped { job: request(nonce).digest() };
	let again = |nonce| Record::Queued { request: request(nonce), starts: 1 };
	let mut ledger = Ledger::new(FINISHED);
	for record in [
		// One that was killed, one that waits, one that was stopped.
		vec![queued(1), started(1)],
		vec![queued(2)],
		vec![queued(3), started(3), stopped(3)],
		// One that failed and waits again, and one that was killed when it ran again.
		vec![queued(4), started(4), failed(4, 1), again(4)],
		vec![queued(5), started(5), failed(5, 1), again(5), started(5)],
	]
	.concat()
	{
		ledger.apply(record);
	}
	for _ in 0..3 {
		let open = ledger.open.values();
		let open: Vec<_> = open.map(|o| (o.request.nonce, o.starts, o.under_way)).collect();
		let expected = [(1, 1, true), (2, 0, false), (3, 0, false), (4, 1, false), (5, 2, true)];
		assert_eq!(open, expected);
		let mut anew = Ledger::new(FINISHED);
		ledger.records().for_each(|record| anew.apply(record));
		ledger = anew;
	}
}

#[test]
fn what_is_watched_may_become_paid_and_never_the_other_way() {
	let mut ledger = Ledger::new(FINISHED);
	let watched = |nonce| Record::Watched { request: request(nonce), starts: 0 };
	for record in [watched(1), watched(2), queued(3), queued(2), watched(3)] {
		ledger.apply(record);
	}
	let classes = |ledger: &Ledger| -> Vec<_> {
		ledger.open.values().map(|open| (open.request.nonce, open.class)).collect()
	};
	let expected = [(1, Class::Watch), (2, Class::Paid), (3, Class::Paid)];
	assert_eq!(classes(&ledger), expected);
	let mut again = Ledger::new(FINISHED);
	ledger.records().for_each(|record| again.apply(record));
	assert_eq!(classes(&again), expected);
}

#[test]
fn pins_add_up_and_an_input_belongs_to_the_end_before_it() {
	let (mut ledger, job, other) = (Ledger::new(FINISHED), request(1).digest(), [9; 32]);
	ledger.apply(Record::Pinned { job, input: None });
	ledger.apply(Record::Pinned { job: other, input: None });
	ledger.apply(Record::Pinned { job, input: Some([3; 32]) });
	ledger.apply(Record::Unpinned { job: other });
	assert_eq!(ledger.pinned, BTreeMap::from([(job, Some([3; 32]))]));
	// An end that an older version wrote anew has no input.
	ledger.apply(done(1));
	ledger.apply(Record::Input { job: other, input: [8; 32] });
	assert_eq!(ledger.ended[0].input, None);
	ledger.apply(Record::Input { job, input: [3; 32] });
	assert_eq!(ledger.ended[0].input, Some([3; 32]));
	let mut again = Ledger::new(FINISHED);
	ledger.records().for_each(|record| again.apply(record));
	assert_eq!((again.pinned, again.ended), (ledger.pinned, ledger.ended));
}

#[tokio::test]
async fn it_does_not_grow_for_ever() {
	let folder = TempDir::new().unwrap();
	let bound = 4 * 1024;
	let (journal, ..) = Journal::open(folder.path(), None, &limits(bound)).unwrap();
	let mut largest = 0;
	for nonce in 0..60 {
		written(journal.append(vec![queued(nonce)])).await.unwrap();
		written(journal.append(vec![done(nonce)])).await.unwrap();
		largest = largest.max(fs::metadata(folder.path().join("journal")).unwrap().len());
	}
	assert!(largest < 2 * bound, "{largest}");
	written(journal.append(vec![queued(60)])).await.unwrap();
	close(journal).await;
	let (_, ledger, replay) = open(&folder);
	assert_eq!(replay.damaged, 0);
	assert_eq!(open_nonces(&ledger), [60]);
	assert_eq!(ledger.ended.len(), FINISHED);
}

#[test]
fn a_full_disk_is_told_and_got_over() {
	let folder = TempDir::new().unwrap();
	let path = folder.path().join("journal");
	let mut writer = Writer::full(&path);
	let lines = line(&queued(1));
	assert_eq!(writer.write(lines.as_bytes(), true), Err(Error::JournalFailed));
	// That file cannot be cut back to whole lines either, so nothing more is appended to it.
	assert_eq!(writer.write(lines.as_bytes(), true), Err(Error::JournalFailed));
	// It is written anew, and then serves again.
	writer.compact();
	assert_eq!(writer.write(lines.as_bytes(), true), Ok(()));
	assert_eq!(open_nonces(&read(&path, FINISHED).unwrap().0), [1]);
}
