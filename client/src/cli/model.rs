//! `assay model`.

use super::{output::asy, Context};
use super::{output::Output, ExecutorArgs};
use assay_client::{
	account::{address, hex32, parse_id},
	amount, model, Error, Kind, Result,
};
use assay_models::{minilm, smollm2, ImportError, Imported};
use assay_program::{merkle, program_digest, Program};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;
use std::path::{Path, PathBuf};

#[derive(Debug, Subcommand)]
pub(crate) enum Model {
	/// Turn published float weights into a program and a weights file. Needs no node.
	Import(Import),
	/// Give program and weights to the provider's own executor.
	Upload(Upload),
	/// Register a model on chain.
	Register(Register),
	/// Show a model.
	Show {
		/// Its id.
		model: u32,
	},
	/// List models, 256 at a time.
	List {
		/// The first id.
		#[arg(long, default_value_t = 0)]
		from: u32,
	},
	/// Change the royalty.
	SetTerms {
		/// The model.
		model: u32,
		/// ASY per compute unit.
		#[arg(long)]
		royalty: String,
	},
	/// Give the model to another account.
	Transfer {
		/// The model.
		model: u32,
		/// To whom.
		to: String,
	},
	/// Take the model out of the market.
	Retire {
		/// The model.
		model: u32,
	},
}

#[derive(Debug, Args)]
pub(crate) struct Import {
	/// The model.
	#[arg(value_enum, default_value_t = Published::Minilm)]
	model: Published,
	/// Folder with the model's files. Default: where `scripts/setup` puts them.
	#[arg(long)]
	from: Option<PathBuf>,
	/// Folder to write `program.bin` and `weights.bin` to.
	#[arg(long)]
	to: PathBuf,
}

/// Published models that can be imported.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Published {
	/// all-MiniLM-L6-v2, which turns texts into vectors: `model.safetensors`.
	Minilm,
	/// SmolLM2-135M-Instruct, which chats: `model.gguf`.
	Smollm2,
}

impl Published {
	/// Where `scripts/setup` puts its files.
	fn folder(self) -> &'static str {
		match self {
			Self::Minilm => ".assay/models/minilm",
			Self::Smollm2 => ".assay/models/smollm2",
		}
	}

	fn import(self, folder: &Path) -> std::result::Result<Imported, ImportError> {
		match self {
			Self::Minilm => minilm::import(folder),
			Self::Smollm2 => smollm2::import(folder),
		}
	}
}

/// Files that `assay model import` wrote.
#[derive(Debug, Args)]
pub(crate) struct Files {
	/// The program.
	#[arg(long)]
	program: PathBuf,
	/// The weights.
	#[arg(long)]
	weights: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Upload {
	#[command(flatten)]
	files: Files,
	#[command(flatten)]
	executor: ExecutorArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Register {
	#[command(flatten)]
	files: Files,
	/// What the owner earns, in ASY per compute unit.
	#[arg(long, default_value = "0")]
	royalty: String,
}

fn read(path: &Path) -> Result<Vec<u8>> {
	std::fs::read(path).map_err(|e| {
		Error::new(Kind::Local, format!("cannot read {}: {e}", path.display()))
			.next("write program and weights with `assay model import`")
	})
}

impl Import {
	pub(crate) fn run(&self, output: &Output) -> Result<()> {
		let bar = output.spinner("importing");
		let failed = |e: ImportError| Error::new(Kind::Local, e.to_string());
		let from = self.from.as_deref().unwrap_or(Path::new(self.model.folder()));
		let imported = self
			.model
			.import(from)
			.map_err(|e| failed(e).next("name the folder of the model's files with --from"))?;
		let (program_file, weights_file) = imported.write(&self.to).map_err(failed)?;
		let program = hex32(&program_digest(&imported.program_bytes));
		let weights = hex32(&merkle::blob(&imported.weights));
		bar.finish_and_clear();
		output.result(
			format!(
				"program {program}\n  {}\nweights {weights}\n  {}",
				program_file.display(),
				weights_file.display()
			),
			&json!({
				"program": program,
				"program_file": program_file,
				"weights": weights,
				"weights_file": weights_file,
			}),
		);
		Ok(())
	}
}

impl Model {
	pub(crate) async fn run(self, context: &Context) -> Result<()> {
		let Context { chain, account, output } = context;
		let (text, included, value) = match self {
			Self::Import(import) => return import.run(output),
			Self::Upload(upload) => return upload.run(context).await,
			Self::Register(register) => return register.run(context).await,
			Self::Show { model } => return show(context, model).await,
			Self::List { from } => return list(context, from).await,
			Self::SetTerms { model, royalty } => {
				let royalty = amount::parse(&royalty)?;
				let done = model::set_terms(chain, account, model, royalty).await?;
				(format!("royalty of model {model} is now {} a unit", asy(royalty)), done, model)
			},
			Self::Transfer { model, to } => {
				let to = parse_id(&to)?;
				let done = model::transfer_ownership(chain, account, model, &to).await?;
				(format!("model {model} now belongs to {}", address(&to)), done, model)
			},
			Self::Retire { model } => {
				let done = model::retire(chain, account, model).await?;
				(format!("model {model} is retired"), done, model)
			},
		};
		output.included(text, &included, json!({ "model": value }));
		Ok(())
	}
}

impl Upload {
	async fn run(&self, context: &Context) -> Result<()> {
		let executor = self.executor.open(&context.chain).await?;
		let bar = context.output.spinner("sending the program");
		let program = executor.put_program(read(&self.files.program)?).await?;
		bar.set_message("sending the weights");
		let weights = read(&self.files.weights)?;
		let mib = |bytes: u64| bytes >> 20;
		let all = mib(weights.len() as u64);
		let tell = |sent| {
			bar.set_message(format!("sending the weights: {} of {all} MiB", mib(sent)));
		};
		let weights = executor.put_weights_telling(weights, tell).await?;
		bar.finish_and_clear();
		context.output.result(
			format!(
				"{} holds\n  program {}\n  weights {}",
				executor.url(),
				hex32(&program),
				hex32(&weights)
			),
			&json!({
				"executor": executor.url(),
				"program": hex32(&program),
				"weights": hex32(&weights),
			}),
		);
		Ok(())
	}
}

impl Register {
	async fn run(&self, context: &Context) -> Result<()> {
		let Context { chain, account, output } = context;
		let royalty = amount::parse(&self.royalty)?;
		let program = read(&self.files.program)?;
		let weights = read(&self.files.weights)?;
		check_length(&program, &weights)?;
		let weights = merkle::blob(&weights);
		let (id, included) = model::register(chain, account, &program, &weights, royalty).await?;
		let value = json!({
			"model": id,
			"program": hex32(&program_digest(&program)),
			"weights": hex32(&weights),
			"royalty_per_unit": royalty.to_string(),
		});
		output.included(format!("model {id} is registered"), &included, value);
		Ok(())
	}
}

/// Weights of a length that the program does not take would be registered, and no executor would
/// run them. What is no program at all is for the chain to refuse.
fn check_length(program: &[u8], weights: &[u8]) -> Result<()> {
	let Ok(program) = Program::decode_validated(program) else { return Ok(()) };
	let (takes, has) = (program.weights_length(), weights.len() as u64);
	if takes == has {
		return Ok(());
	}
	let said = format!("the program takes {takes} bytes of weights, the file has {has}");
	Err(Error::new(Kind::Local, said).next("name the weights that were imported with the program"))
}

async fn show(context: &Context, id: u32) -> Result<()> {
	let model = model::of(&context.chain, id).await?;
	context.output.result(describe(&model), &json!(model));
	Ok(())
}

async fn list(context: &Context, from: u32) -> Result<()> {
	let models = model::list_from(&context.chain, from).await?;
	let text = match models.as_slice() {
		[] => format!("no model from id {from} on"),
		models => models.iter().map(describe).collect::<Vec<_>>().join("\n"),
	};
	context.output.result(text, &json!({ "models": models }));
	Ok(())
}

fn describe(model: &model::Model) -> String {
	format!(
		"model {}\n  owner    {}\n  program  {}\n  weights  {}\n  royalty  {} a unit",
		model.id,
		address(&model.owner),
		hex32(&model.program),
		hex32(&model.weights),
		asy(model.royalty_per_unit)
	)
}
