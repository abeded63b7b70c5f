using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [(name = "main", worker = .app)],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);

const app :Workerd.Worker = (
  modules = [
    (name = "main.js", esModule = embed "../dist/workerd/main.js"),
    (name = "bayes8/bayes8.wasm", wasm = embed "../node_modules/bayes8/wasm/bayes8.wasm"),
  ],
  bindings = [
    (name = "model", data = embed "../../../../models/mnist-scnn.safetensors"),
    (name = "picture", data = embed "../dist/sandal-8.gray"),
  ],
  compatibilityDate = "2025-01-01",
);
