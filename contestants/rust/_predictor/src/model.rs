use std::fs;
use std::path::Path;

use anyhow::{Context, bail};
use serde::Deserialize;

/// What `model.json` says of the model's input, output and answer.
#[derive(Debug, Deserialize)]
pub(crate) struct Model {
    schema: u32,
    pub input: Input,
    pub output: Output,
    pub answer: String,
    pub labels: Vec<String>,
    pub formats: Formats,
    /// Per channel and 8-bit value: (value + offset) · scale.
    #[serde(skip)]
    pub normal: Vec<[f32; 256]>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Input {
    pub name: String,
    shape: Vec<Option<i64>>, // null is the batch
    pub layout: Layout,
    dtype: String,
    pub height: usize,
    pub width: usize,
    pub channels: usize,
    pub offset: Vec<f32>,
    pub scale: Vec<f32>,
    pub resize: Resize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Resize {
    Nearest,
    Bilinear,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Layout {
    Nhwc,
    Nchw,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Output {
    pub name: String,
    pub activation: Activation,
}

/// What the output is: probabilities, what still lacks its softmax, or values as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Activation {
    Softmax,
    Logits,
    None,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Formats {
    pub onnx: String,
}

impl Input {
    /// The shape with a batch of one.
    pub fn shape(&self) -> Vec<i64> {
        self.shape.iter().map(|side| side.unwrap_or(1)).collect()
    }

    /// Whether several images can be inferred at once.
    pub fn takes_batches(&self) -> bool {
        self.shape.first() == Some(&None)
    }
}

impl Model {
    pub fn read(folder: &str) -> anyhow::Result<Self> {
        let path = Path::new(folder).join("model.json");
        let place = path.display();
        let text = fs::read(&path).with_context(|| format!("MODEL_DIR has no readable {place}"))?;
        let mut model: Self =
            serde_json::from_slice(&text).with_context(|| format!("{place} is not a model description"))?;
        model.check().with_context(|| place.to_string())?;
        model.normalize();
        Ok(model)
    }

    pub(crate) fn normalize(&mut self) {
        let coefficients = self.input.offset.iter().zip(&self.input.scale);
        let table = |(offset, scale)| std::array::from_fn(|value| (value as f32 + offset) * scale);
        self.normal = coefficients.map(table).collect();
    }

    /// Why this predictor cannot serve the model.
    fn check(&self) -> anyhow::Result<()> {
        let input = &self.input;
        let values = (input.height * input.width * input.channels) as i64;
        if self.schema != 1 {
            bail!("schema is {}, and 1 is what is understood", self.schema);
        }
        if input.dtype != "float32" {
            bail!("input.dtype must be float32, not {:?}", input.dtype);
        }
        if !matches!(input.channels, 1 | 3) {
            bail!("input.channels must be 1 or 3, not {}", input.channels);
        }
        if [input.offset.len(), input.scale.len()] != [input.channels; 2] {
            bail!("input.offset and input.scale must have one number per channel");
        }
        if values == 0 || input.shape().iter().product::<i64>() != values {
            bail!("input.shape must hold height x width x channels values, at least 1");
        }
        if self.labels.is_empty() {
            bail!("labels must not be empty");
        }
        Ok(())
    }
}
