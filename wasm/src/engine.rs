//! Chooses the kernels of this build.

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod kernels {
    use crate::kernels::BestKernel;
    use bayes8_core::simd::{Kernel, OneThread, Simd};

    /// The back end that runs every network.
    pub(crate) type Kernels = Simd<BestKernel, OneThread>;

    /// The kernels. An engine that accepted the module has all their instructions.
    pub(crate) fn kernels() -> Kernels {
        let kernel =
            BestKernel::new().expect("an engine without the instructions refuses the module");
        Simd::new(kernel, OneThread)
    }
}

/// On other targets, where these bindings are only tested: the reference.
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
mod kernels {
    use bayes8_core::reference::Reference;

    pub(crate) type Kernels = Reference;

    pub(crate) fn kernels() -> Kernels {
        Reference
    }
}

pub(crate) use kernels::{Kernels, kernels};
