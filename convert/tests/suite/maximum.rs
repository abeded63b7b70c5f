//! Maxima over all positions: an operation of the INT8 model, imported from the graphs of
//! exporters.

use std::sync::Mutex;

use bayes8_convert::reference::{FloatWeights, run};
use bayes8_core::graph::{Op, Value};
use ndarray::Array4;
use rten_onnx::onnx::ModelProto;

use crate::common::Fixture;

/// The values before and after the pool, for each picture.
#[test]
fn a_mean_that_is_made_a_maximum_is_one() {
    for (name, mean, maximum) in
        [("mobile", "GlobalAveragePool", "GlobalMaxPool"), ("keras", "ReduceMean", "ReduceMax")]
    {
        let mut fixture = Fixture::load(name);
        let mut model = ModelProto::parse_buf(&fixture.onnx).unwrap();
        let nodes = &mut model.graph.as_mut().unwrap().node;
        let pool = nodes.iter_mut().find(|node| node.op_type.as_deref() == Some(mean));
        pool.expect("a mean").op_type = Some(maximum.into());
        fixture.onnx = model.write_buf().unwrap();
        let network = fixture.import();
        let nodes = network.graph.nodes();
        let n = nodes.iter().position(|node| node.op == Op::GlobalMaxPool).expect(maximum);
        let input = network.graph.input();
        let shape = (2, input.height, input.width, input.channels);
        let pictures = Array4::from_shape_fn(shape, |(n, y, x, c)| {
            ((n * 7 + y * 5 + x * 3 + c) % 11) as f32 - 5.0
        });
        let seen: Mutex<Vec<(Value, usize, Vec<f32>)>> = Mutex::default();
        run(
            &network,
            &FloatWeights::mean(&network, 0),
            pictures.view(),
            |value, picture, numbers| {
                if value == nodes[n].inputs[0] || value == Value::Node(n) {
                    seen.lock().unwrap().push((value, picture, numbers.to_vec()));
                }
            },
        )
        .unwrap();
        let seen = seen.into_inner().unwrap();
        let of = |value: Value, picture: usize| {
            let found = seen.iter().find(|(v, p, _)| (*v, *p) == (value, picture));
            found.expect("a value").2.clone()
        };
        for picture in 0..2 {
            let (before, after) = (of(nodes[n].inputs[0], picture), of(Value::Node(n), picture));
            let channels = after.len();
            assert!(before.len() > channels, "{name}: several positions");
            for (channel, &largest) in after.iter().enumerate() {
                let all = before.iter().skip(channel).step_by(channels);
                assert_eq!(all.copied().fold(f32::NEG_INFINITY, f32::max), largest, "{name}");
            }
        }
    }
}
