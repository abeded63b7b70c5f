export { Bayes8Error, type Bayes8ErrorCode } from "./error.js";
export { type CompiledModule } from "./engine.js";
export { detect, type Features, supports } from "./features.js";
export { type ModelInfo, type NodeTrace } from "./glue.js";
export { type LoadOptions } from "./load.js";
export { Model } from "./model.js";
export {
  type ClassesInfo,
  type ClassesMapPrediction,
  type ClassesPrediction,
  type ConformalInfo,
  type ConformalJson,
  type GaussianInfo,
  type GaussianMapPrediction,
  type GaussianPrediction,
  type LabelsInfo,
  type LabelsMapPrediction,
  type LabelsPrediction,
  type LabelSet,
  type OutputInfo,
  type OutputJson,
  type OutputPrediction,
  type Positions,
  type TargetInfo,
} from "./output.js";
export { classColour, type Colour, paint, type PaintedMap, type PaintOptions } from "./paint.js";
export { type DrawOptions, type Draws, type PredictOptions, type StreamOptions, type TraceOptions } from "./options.js";
export {
  type BitmapPicture,
  type CanvasPicture,
  type FramePicture,
  type ImagePicture,
  type Picture,
  type VideoPicture,
} from "./picture.js";
export { type RgbaPicture } from "./pixels.js";
export { type Pool, type PoolOptions } from "./pool.js";
export { type ClassProbability, type OutputsJson, type Prediction, type PredictionJson } from "./prediction.js";
export { type Kernel, type WorkerSource } from "./platform.js";
export { type Progress, type Source } from "./source.js";
export { type ClassesErrors, type GaussianErrors, type LabelsErrors } from "./standard-errors.js";
