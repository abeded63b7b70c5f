//! From a trained FP32 network and its weight posterior to a quantized bayes8 model.
