use crate::types::is_endpoint;
use proptest::prelude::*;

#[test]
fn takes_base_addresses() {
	for text in [
		"http://h",
		"http://localhost:80",
		"http://127.0.0.1:9955",
		"https://gpu-1.example.org",
		"https://gpu.example.org:65535/a/b~c/%20d",
		"http://[::1]",
		"https://[2001:db8::7]:443/assay",
	] {
		assert!(is_endpoint(text.as_bytes()), "{text}");
	}
}

#[test]
fn refuses_everything_else() {
	for text in [
		"",
		"h",
		"http",
		"http://",
		"https:///path",
		"HTTP://host",
		"ftp://host",
		"ws://host",
		"//host",
		" http://host",
		"http://host ",
		"http://ho st",
		"http://host/",
		"http://host/a/",
		"http://host?x=1",
		"http://host/a?x=1",
		"http://host#top",
		"http://user@host",
		"http://user:word@host",
		"http://:80",
		"http://host:",
		"http://host:0",
		"http://host:+80",
		"http://host:65536",
		"http://host:80:80",
		"http://host:port",
		"http://ho%73t",
		"http://::1",
		"http://[::1",
		"http://[]",
		"http://[host]",
		"http://[::1]80",
		"http://[::1]:",
		"http://host/a:b",
		"http://host/[a]",
		"http://hôst",
		"http://host\n",
		"http://host\0",
		"http://host\\a",
		"http://host/\"a\"",
	] {
		assert!(!is_endpoint(text.as_bytes()), "{text:?}");
	}
	assert!(!is_endpoint(b"http://\xff"));
}

proptest! {
	#[test]
	fn never_panics_and_takes_only_printable_ascii(
		bytes in prop::collection::vec(any::<u8>(), 0..128),
	) {
		let mut url = b"http://".to_vec();
		url.extend(&bytes);
		for candidate in [&bytes[..], &url[..]] {
			if is_endpoint(candidate) {
				prop_assert!(candidate.iter().all(u8::is_ascii_graphic));
				prop_assert!(candidate.len() > "http://".len());
			}
		}
	}

	#[test]
	fn takes_every_host_and_port(host in "[a-z0-9][a-z0-9.-]{0,30}", port in 1u16..) {
		let url = format!("https://{host}:{port}");
		prop_assert!(is_endpoint(url.as_bytes()), "{}", url);
	}
}
