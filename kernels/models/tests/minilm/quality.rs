//! Whether the integer program still computes the published model.

use crate::common;
use assay_models::{cosine, embeddings, input_blob, minilm, Imported, Tokenizer};
use assay_program::{Backend, Model, Outcome};
use std::sync::Arc;

const MEAN_COSINE: f64 = 0.999;
const WORST_COSINE: f64 = 0.998;
const SENTENCES: usize = 200;

fn load(backend: &dyn Backend, imported: &Imported) -> Arc<dyn Model> {
	backend.load(Arc::new(imported.program.clone()), imported.weights.clone().into()).unwrap()
}

fn run(model: &dyn Model, rows: &[Vec<i32>]) -> Vec<u8> {
	let (input, parameters) = input_blob(rows);
	match model.run(&input, &parameters).unwrap() {
		Outcome::Output { count: 1, data } => data,
		other => panic!("{other:?}"),
	}
}

fn tokens(sentences: &[String]) -> Vec<Vec<i32>> {
	let path = common::minilm_folder().join(minilm::TOKENIZER_FILE);
	let tokenizer = Tokenizer::from_file(&path).unwrap();
	sentences.iter().map(|sentence| tokenizer.encode(sentence).unwrap()).collect()
}

#[test]
fn integer_embeddings_are_close_to_the_float_model() {
	let sentences = common::corpus("english.txt");
	assert!(sentences.len() >= SENTENCES);
	let imported = minilm::import(&common::minilm_folder()).unwrap();
	let backend = assay_cpu::CpuBackend::new(None);
	let model = load(&backend, &imported);

	let float = common::float_reference(&sentences, &[]);
	let float: Vec<Vec<f32>> = serde_json::from_value(float["embeddings"].clone()).unwrap();
	let integer: Vec<Vec<f32>> = tokens(&sentences)
		.chunks(16)
		.flat_map(|rows| {
			let data = run(&*model, rows);
			embeddings(&data, minilm::WIDTH, imported.output_fraction_bits).unwrap()
		})
		.collect();
	assert_eq!((float.len(), integer.len()), (sentences.len(), sentences.len()));

	let mut cosines: Vec<(f64, &String)> = float
		.iter()
		.zip(&integer)
		.zip(&sentences)
		.map(|((float, integer), sentence)| (cosine(float, integer), sentence))
		.collect();
	cosines.sort_by(|left, right| left.0.total_cmp(&right.0));
	let mean = cosines.iter().map(|(cosine, _)| cosine).sum::<f64>() / cosines.len() as f64;
	println!("cosine to the float model on {} sentences: mean {mean:.6}", cosines.len());
	for (cosine, sentence) in cosines.iter().take(5) {
		println!("  {cosine:.6}  {sentence}");
	}
	assert!(mean >= MEAN_COSINE, "mean cosine {mean}");
	assert!(cosines[0].0 >= WORST_COSINE, "worst cosine {:?}", cosines[0]);
}

#[test]
fn backend_equals_the_reference_on_sentences() {
	let sentences: Vec<String> = common::corpus("english.txt").into_iter().take(4).collect();
	let imported = minilm::import(&common::minilm_folder()).unwrap();
	let rows = tokens(&sentences);
	let cpu = run(&*load(&assay_cpu::CpuBackend::new(None), &imported), &rows);
	let reference = run(&*load(&assay_reference::ReferenceBackend, &imported), &rows);
	assert_eq!(cpu, reference);
}

#[test]
fn an_embedding_does_not_depend_on_its_neighbours() {
	let sentences = common::corpus("demo.txt");
	let imported = minilm::import(&common::minilm_folder()).unwrap();
	let model = load(&assay_cpu::CpuBackend::new(None), &imported);
	let rows = tokens(&sentences);
	let together = run(&*model, &rows);
	let alone: Vec<u8> =
		rows.iter().flat_map(|row| run(&*model, std::slice::from_ref(row))).collect();
	assert_eq!(together, alone);
}

#[test]
fn pairs_of_the_demonstration_are_nearest_neighbours() {
	let sentences = common::corpus("demo.txt");
	let imported = minilm::import(&common::minilm_folder()).unwrap();
	let model = load(&assay_cpu::CpuBackend::new(None), &imported);
	let data = run(&*model, &tokens(&sentences));
	let vectors = embeddings(&data, minilm::WIDTH, imported.output_fraction_bits).unwrap();
	for (index, vector) in vectors.iter().enumerate() {
		let nearest = (0..vectors.len())
			.filter(|other| *other != index)
			.max_by(|a, b| cosine(vector, &vectors[*a]).total_cmp(&cosine(vector, &vectors[*b])));
		assert_eq!(nearest, Some(index ^ 1), "{}", sentences[index]);
	}
}

#[test]
fn tokenizer_equals_the_published_one() {
	let mut sentences = common::corpus("english.txt");
	sentences.extend(common::corpus("demo.txt"));
	let published = common::float_reference(&sentences, &["--tokens-only"]);
	let published: Vec<Vec<i32>> = serde_json::from_value(published["tokens"].clone()).unwrap();
	assert_eq!(tokens(&sentences), published);
}
