//! `bayes8.Model`.

use crate::engine::{Engine, Settings};
use crate::errors::{message, of_predict};
use crate::pictures::{Batch, of_numbers};
use crate::pool::pool;
use crate::prediction::Prediction;
use crate::progress::Progress;
use crate::report::Report;
use crate::stream::Stream;
use crate::{arguments, json};
use bayes8::core::model::Values;
use bayes8::evaluate::model_report::ModelReport;
use bayes8::{Draws, Isa, Limits, PredictOptions};
use ndarray::{ArrayD, IxDyn};
use numpy::IntoPyArray;
use pyo3::exceptions::{PyIsADirectoryError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyTuple};
use std::path::{self, PathBuf};
use std::sync::Arc;

/// The code of [`PyIsADirectoryError`], on every system.
const EISDIR: i32 = 21;

/// A model that is ready to predict. `bayes8.load` and `bayes8.quantize` return one.
///
/// Any number of Python threads may share a model and predict at once; predictions do not hold the
/// interpreter's lock. A model pickles as its path, or else as its bytes, with its options.
#[pyclass(frozen, module = "bayes8", weakref)]
pub(crate) struct Model(pub(crate) Arc<Engine>);

#[pymethods]
impl Model {
    /// Loads a model from a path, or from the bytes of a file.
    #[new]
    #[pyo3(signature = (
        source, *, threads=None, isa=None, bank_bytes=None, max_memory=None, max_steps=None, input_size=None,
        tile_overlap=None
    ))]
    #[expect(clippy::too_many_arguments, reason = "keywords in Python")]
    fn new(
        py: Python<'_>,
        source: &Bound<'_, PyAny>,
        threads: Option<&Bound<'_, PyAny>>,
        isa: Option<&Bound<'_, PyAny>>,
        bank_bytes: Option<&Bound<'_, PyAny>>,
        max_memory: Option<&Bound<'_, PyAny>>,
        max_steps: Option<&Bound<'_, PyAny>>,
        input_size: Option<&Bound<'_, PyAny>>,
        tile_overlap: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let isa = isa.map(|isa| arguments::text("isa", isa)).transpose()?;
        let isa = isa.map(|isa| isa.parse()).transpose();
        let isa = isa.map_err(|e: bayes8::IsaError| PyValueError::new_err(message(&e)))?;
        let bank_bytes = arguments::optional("bank_bytes", bank_bytes, [0, usize::MAX as u64])?;
        let bank_bytes = bank_bytes.map_or(0, |bytes| bytes as usize);
        let mut limits = Limits::default();
        let number = |what, value| arguments::optional(what, value, [0, u64::MAX]);
        limits.memory_bytes = number("max_memory", max_memory)?.unwrap_or(limits.memory_bytes);
        limits.steps = number("max_steps", max_steps)?.unwrap_or(limits.steps);
        let threads = arguments::threads(threads)?;
        let input_size = input_size.map(arguments::input_size).transpose()?;
        let tile_overlap = arguments::optional("tile_overlap", tile_overlap, [0, 1 << 26])?;
        let tile_overlap = tile_overlap.map(|overlap| overlap as usize);
        let settings = Settings { threads, isa, bank_bytes, limits, input_size, tile_overlap };
        if let Ok(bytes) = source.cast::<PyBytes>() {
            let bytes = bytes.as_bytes();
            let model = py.detach(|| bayes8::Model::from_bytes_with(bytes, settings.options()));
            let original = settings.input_size.map(|_| bytes.to_vec());
            let mut engine = Engine::new(model, None, settings)?;
            engine.original = original;
            return Ok(Self(Arc::new(engine)));
        }
        let path: PathBuf = source.extract()?;
        if path.is_dir() {
            let name = path.display().to_string();
            return Err(PyIsADirectoryError::new_err((EISDIR, "Is a directory", name)));
        }
        let model = py.detach(|| bayes8::Model::load_with(&path, settings.options()));
        // Absolute, as this process may change its folder, and others run in another one.
        let path = path::absolute(&path).unwrap_or(path);
        Engine::new(model, Some(path), settings).map(Arc::new).map(Self)
    }

    /// Predicts a picture, or another input, or a batch of them.
    ///
    /// The same model, picture, seed and samples give the same bits, whatever the other pictures of
    /// the batch, the threads and the machine.
    ///
    /// Args:
    ///     pictures: uint8, 0 to 255, to which the model applies its preprocessing, or float32 that
    ///         are normalized already: [N, H, W, C], or one [H, W, C]. Volumes are
    ///         [N, D, H, W, C], sequences [N, L, C], vectors [N, C]; gray pictures also [N, H, W].
    ///         A C-contiguous array is not copied. Also a PIL image of 8 bits per channel, gray or
    ///         RGB, which is fitted as by the command line, a list of these, and any object that
    ///         NumPy converts. A model whose `values` are "numbers" takes floats instead, such as
    ///         the features [N, F] of a table or sequences [N, L, C], and normalizes them; float64
    ///         and integers other than uint8 are converted.
    ///     samples: the number of weight samples, or a `range` of their indices; by default
    ///         `model.info["default_samples"]`: one for each member of an ensemble in which nothing
    ///         else varies, otherwise 32, rounded up to a multiple of the members.
    ///     seed: seed of the weights, by default 0.
    ///     layout: order of the axes: "NHWC", or "NCHW" for channels before rows, and so on.
    ///         Lower case will do.
    ///     keep_logits: whether the prediction has the numbers of every sample, such as logits.
    ///     progress: True for a bar (if tqdm is installed), or a function of (task, done, total).
    ///
    /// Raises:
    ///     TypeError: the pictures are of another kind than the model takes.
    ///     ValueError: their shape is wrong, a number is not finite, or samples do not exist.
    #[pyo3(
        signature = (
            pictures, *, samples=None, seed=None, layout=Ok("NHWC".into()), keep_logits=Ok(false), progress=None
        ),
        text_signature = "($self, pictures, *, samples=None, seed=None, layout=\"NHWC\", keep_logits=False, \
                          progress=None)"
    )]
    #[expect(clippy::too_many_arguments, reason = "keywords in Python")]
    fn predict<'py>(
        &self,
        py: Python<'py>,
        pictures: &Bound<'py, PyAny>,
        samples: Option<&Bound<'py, PyAny>>,
        seed: Option<&Bound<'py, PyAny>>,
        #[pyo3(from_py_with = arguments::layout)] layout: PyResult<String>,
        #[pyo3(from_py_with = arguments::keep_logits)] keep_logits: PyResult<bool>,
        progress: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Prediction> {
        let options = PredictOptions::new()
            .samples(arguments::samples(samples, self.0.model.default_samples())?)
            .seed(arguments::seed(seed)?)
            .keep_logits(keep_logits?);
        let batch = Batch::new(pictures, &self.0.model, &layout?)?;
        self.0.predict(py, &batch, &options, &Progress::new(progress)?)
    }

    /// Iterates over running estimates.
    ///
    /// Each is the prediction from the samples so far and has the bits that `predict` returns for
    /// them. Work is done only when the next estimate is asked for, so leaving the loop stops it.
    ///
    /// Args:
    ///     pictures: as in `predict`.
    ///     samples: as in `predict`.
    ///     seed: as in `predict`.
    ///     every: samples between two estimates; by default one per thread.
    ///     layout: as in `predict`.
    ///     keep_logits: as in `predict`.
    #[pyo3(
        signature = (
            pictures, *, samples=None, seed=None, every=None, layout=Ok("NHWC".into()), keep_logits=Ok(false)
        ),
        text_signature = "($self, pictures, *, samples=None, seed=None, every=None, layout=\"NHWC\", \
                          keep_logits=False)"
    )]
    fn stream<'py>(
        &self,
        pictures: Bound<'py, PyAny>,
        samples: Option<&Bound<'py, PyAny>>,
        seed: Option<&Bound<'py, PyAny>>,
        every: Option<&Bound<'py, PyAny>>,
        #[pyo3(from_py_with = arguments::layout)] layout: PyResult<String>,
        #[pyo3(from_py_with = arguments::keep_logits)] keep_logits: PyResult<bool>,
    ) -> PyResult<Stream> {
        let options = PredictOptions::new()
            .samples(arguments::samples(samples, self.0.model.default_samples())?)
            .seed(arguments::seed(seed)?)
            .keep_logits(keep_logits?);
        let every = every.map(|every| arguments::sample_count("every", every)).transpose()?;
        let every = every.map_or_else(|| self.0.threads().map(|n| n as u32), Ok)?;
        // Wrong pictures are refused here, not at the first estimate.
        let layout = layout?;
        Batch::new(&pictures, &self.0.model, &layout)?;
        Stream::new(Arc::clone(&self.0), pictures.unbind(), layout, options, every)
    }

    /// Returns the output of every node for one weight sample, by name, in order.
    ///
    /// They are codes, uint8 [N, H, W, C]; those of the model's outputs, such as logits, are
    /// float32 [N, C]. Flattened values, and convolutions that end in an addition, have no codes
    /// and are left out.
    #[pyo3(
        signature = (pictures, *, sample=Ok(0), seed=None, layout=Ok("NHWC".into())),
        text_signature = "($self, pictures, *, sample=0, seed=None, layout=\"NHWC\")"
    )]
    fn trace<'py>(
        &self,
        py: Python<'py>,
        pictures: &Bound<'py, PyAny>,
        #[pyo3(from_py_with = arguments::sample_index)] sample: PyResult<u32>,
        seed: Option<&Bound<'py, PyAny>>,
        #[pyo3(from_py_with = arguments::layout)] layout: PyResult<String>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let (sample, seed) = (sample?, arguments::seed(seed)?);
        let batch = Batch::new(pictures, &self.0.model, &layout?)?;
        let (count, input) = (batch.count(), batch.pictures());
        let pool = pool(self.0.settings.threads)?;
        let steps = py.detach(|| {
            pool.install(|| self.0.model.trace(input, Some(Draws::Random { seed }), sample))
        });
        let steps = steps.map_err(|error| of_predict(&error))?;
        let (outputs, model) = (PyDict::new(py), self.0.model.quantized());
        let nodes = model.graph().nodes();
        for step in steps {
            let index = nodes.iter().position(|node| node.name == step.node);
            let index = index.expect("a node of the model");
            let shape = nodes[index].shape;
            let array = if model.outputs().iter().any(|output| output.nodes.contains(&index)) {
                let logits = step.bytes.as_chunks().0.iter().map(|&four| f32::from_le_bytes(four));
                let of_map = shape.extents();
                let vector = [shape.channels];
                let extents = if shape.spatial() == 1 { &vector[..] } else { &of_map };
                array(count, extents, logits.collect()).into_pyarray(py).into_any()
            } else {
                array(count, &shape.extents(), step.bytes).into_pyarray(py).into_any()
            };
            outputs.set_item(step.node, array)?;
        }
        Ok(outputs)
    }

    /// What `bayes8 inspect --json` prints: sizes, input, calibration, layers.
    #[getter]
    fn info<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let model = self.0.model.quantized();
        // The file may have changed since the model was loaded.
        let bytes = model.file_bytes();
        let bytes = bytes.map_or_else(|| self.0.file().map(|file| file.len()), Ok)?;
        json::to_python(py, &ModelReport::new(model, bytes))
    }

    /// The nodes of the network, as in `info["nodes"]`.
    #[getter]
    fn layers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.info(py)?.get_item("nodes")
    }

    /// What rounding did to every value, if `bayes8.quantize` made this model here.
    #[getter]
    fn fidelity<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.0.fidelity.as_ref().map(|report| json::to_python(py, report)).transpose()
    }

    /// Name of the model.
    #[getter]
    fn name(&self) -> &str {
        self.0.model.quantized().name()
    }

    /// The outputs, in order: each a `ClassOutput`, `LabelOutput` or `TargetOutput`.
    #[getter]
    fn outputs<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        Ok(self.0.origin().objects(py)?.to_list())
    }

    /// Names of the classes, "class N" where the file has none.
    ///
    /// An AttributeError if the first output has no classes.
    #[getter]
    fn class_names(&self) -> PyResult<Vec<String>> {
        self.0.origin().class_names()
    }

    /// What the model takes: "bytes", such as the pixels of pictures, or "numbers".
    #[getter]
    fn values(&self) -> &'static str {
        match self.0.model.quantized().preprocessing().values {
            Values::Bytes => "bytes",
            Values::Numbers => "numbers",
        }
    }

    /// Shape of a picture: (H, W, C), or (D, H, W, C).
    #[getter]
    fn input_shape<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.0.shape().extents())
    }

    /// Identifies the model, whatever its file: "blake3:" and 64 digits.
    #[getter]
    fn digest(&self) -> &str {
        &self.0.origin().digest
    }

    /// The instruction set in use.
    #[getter]
    fn isa(&self) -> &'static str {
        self.0.model.isa().name()
    }

    /// The threads that a prediction may use.
    #[getter(threads)]
    fn thread_count(&self) -> PyResult<usize> {
        self.0.threads()
    }

    /// Returns this model with the thresholds of an evaluation with `conformal`.
    ///
    /// Its predictions have `set`, `sets` or `intervals`, and so have those of the file that `save`
    /// writes, on every target. It keeps the thresholds of other outputs.
    ///
    /// Args:
    ///     report: of this model, which `bayes8.evaluate` returned.
    ///
    /// Raises:
    ///     ValueError: the report is of another model or input size, has no conformal prediction,
    ///         or missed a threshold: its coverage may be outside the bounds of chance.
    fn with_conformal(&self, py: Python<'_>, report: &Bound<'_, PyAny>) -> PyResult<Self> {
        let Ok(of) = report.cast::<Report>() else {
            return Err(arguments::of_another_type("report", report, "a bayes8.Report"));
        };
        let (thresholds, engine) = (of.get().thresholds()?, &*self.0);
        py.detach(|| thresholds.put_into(engine)).map(Arc::new).map(Self)
    }

    /// Returns the model file.
    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &self.0.file()?))
    }

    /// Writes the model file, completely or not at all.
    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        py.import("bayes8._files")?
            .call_method1("write", (path.into_os_string(), self.to_bytes(py)?))
            .map(drop)
    }

    fn __repr__(&self) -> String {
        let (name, shape, isa) = (self.name(), self.0.shape(), self.isa());
        let takes = of_numbers(shape).filter(|_| self.values() == "numbers");
        let takes = takes.unwrap_or_else(|| shape.to_string());
        format!("<bayes8.Model {name:?}: {takes}, {}, {isa}>", self.0.origin().summary())
    }

    /// A model from a file is loaded from it again, any other from its bytes.
    fn __reduce__<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        let source = match (&self.0.path, &self.0.original) {
            (Some(path), _) => path.into_pyobject(py)?.into_any(),
            (None, Some(bytes)) => PyBytes::new(py, bytes).into_any(),
            (None, None) => self.to_bytes(py)?.into_any(),
        };
        let Settings { threads, isa, bank_bytes, limits, input_size, tile_overlap } =
            &self.0.settings;
        let options = PyDict::new(py);
        options.set_item("threads", (*threads > 0).then_some(*threads))?;
        options.set_item("isa", isa.map(Isa::name))?;
        options.set_item("bank_bytes", bank_bytes)?;
        options.set_item("max_memory", limits.memory_bytes)?;
        options.set_item("max_steps", limits.steps)?;
        options.set_item("input_size", *input_size)?;
        options.set_item("tile_overlap", *tile_overlap)?;
        let restore = py.import("bayes8._files")?.getattr("restore_model")?;
        Ok((restore, (source, self.digest(), options).into_pyobject(py)?))
    }
}

/// Returns the outputs of a node for `count` pictures as an array.
fn array<T>(count: usize, extents: &[usize], values: Vec<T>) -> ArrayD<T> {
    let extents: Vec<usize> = [count].iter().chain(extents).copied().collect();
    ArrayD::from_shape_vec(IxDyn(&extents), values).expect("one output per picture")
}
