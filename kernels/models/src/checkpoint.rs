//! Tensors of a model as floats, and reading them from a safetensors file, every expectation
//! checked.

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
		check_dimensions(name, dims, tensor.shape())?;
		let floats = tensor.data().as_chunks::<4>().0;
		let values = floats.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
		check_finite(name, values)
	}
}

/// Refuses a tensor with other dimensions than the architecture says.
pub(crate) fn check_dimensions(
	name: &str,
	expected: &[usize],
	actual: &[usize],
) -> Result<(), ImportError> {
	if actual == expected {
		return Ok(());
	}
	Err(ImportError::Dimensions {
		name: name.into(),
		expected: expected.to_vec(),
		actual: actual.to_vec(),
	})
}

/// Refuses elements that are infinite or no number.
pub(crate) fn check_finite(name: &str, values: Vec<f32>) -> Result<Vec<f32>, ImportError> {
	match values.iter().position(|value| !value.is_finite()) {
		None => Ok(values),
		Some(index) => {
			Err(ImportError::NotFinite { name: name.into(), index, value: values[index] })
		},
	}
}
