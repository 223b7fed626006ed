//! Reading tensors of a safetensors file, with every expectation checked.

use crate::ImportError;
use safetensors::{Dtype, SafeTensorError, SafeTensors};

/// A matrix of floats, row-major.
#[derive(Clone, Debug)]
pub(crate) struct Matrix {
	pub(crate) name: String,
	pub(crate) rows: usize,
	pub(crate) columns: usize,
	pub(crate) values: Vec<f32>,
}

impl Matrix {
	pub(crate) fn iter(&self) -> impl Iterator<Item = &[f32]> {
		self.values.chunks_exact(self.columns)
	}
}

/// A vector of floats.
#[derive(Clone, Debug)]
pub(crate) struct Vector {
	pub(crate) name: String,
	pub(crate) values: Vec<f32>,
}

/// The tensors of a model.
#[derive(Debug)]
pub(crate) struct Checkpoint<'a> {
	file: SafeTensors<'a>,
}

impl<'a> Checkpoint<'a> {
	/// Reads the header and checks that it describes the rest of the file.
	pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, ImportError> {
		Ok(Self { file: SafeTensors::deserialize(bytes)? })
	}

	/// A float matrix of the dimensions given.
	pub(crate) fn matrix(
		&self,
		name: &str,
		rows: usize,
		columns: usize,
	) -> Result<Matrix, ImportError> {
		let values = self.floats(name, &[rows, columns])?;
		Ok(Matrix { name: name.into(), rows, columns, values })
	}

	/// A float vector of the length given.
	pub(crate) fn vector(&self, name: &str, length: usize) -> Result<Vector, ImportError> {
		Ok(Vector { name: name.into(), values: self.floats(name, &[length])? })
	}

	fn floats(&self, name: &str, dims: &[usize]) -> Result<Vec<f32>, ImportError> {
		let tensor = self.file.tensor(name).map_err(|error| match error {
			SafeTensorError::TensorNotFound(_) => ImportError::MissingTensor { name: name.into() },
			other => ImportError::Format(other),
		})?;
		if tensor.dtype() != Dtype::F32 {
			let actual = format!("{:?}", tensor.dtype());
			return Err(ImportError::ElementType { name: name.into(), actual });
		}
		if tensor.shape() != dims {
			return Err(ImportError::Dimensions {
				name: name.into(),
				expected: dims.to_vec(),
				actual: tensor.shape().to_vec(),
			});
		}
		let values: Vec<f32> = tensor
			.data()
			.as_chunks::<4>()
			.0
			.iter()
			.map(|bytes| f32::from_le_bytes(*bytes))
			.collect();
		match values.iter().position(|value| !value.is_finite()) {
			None => Ok(values),
			Some(index) => {
				Err(ImportError::NotFinite { name: name.into(), index, value: values[index] })
			},
		}
	}
}
