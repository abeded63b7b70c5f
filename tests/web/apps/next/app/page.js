"use client";
import { Model } from "bayes8";
import { useEffect } from "react";
import { predict } from "../../support/predict.js";

export default function Page() {
  useEffect(() => {
    window.results ??= predict(Model, "/models/mnist-scnn.safetensors", "/models/pictures/sandal-8.png");
  }, []);
  return <h1>bayes8</h1>;
}
