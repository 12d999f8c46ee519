//! For tests of modules: one item run for real and as a prediction.

use super::AnyModule;
use crate::change::outcome::{Failure, ItemResult, Outcome};
use crate::system::System;
use crate::system::fake::Fake;
use crate::system::predicted::Predicted;
use words::value::{Map, Value};

/// Arguments from pairs.
pub fn args<V: Into<Value> + Clone>(pairs: &[(&str, V)]) -> Map {
    pairs.iter().map(|(name, value)| (name.to_string(), value.clone().into())).collect()
}

/// Runs one item.
pub fn run(module: &dyn AnyModule, given: &Map, system: &mut dyn System) -> ItemResult {
    module.run(std::slice::from_ref(given), system).pop().expect("one item has one result")
}

/// Runs an item that changes something, then again, which must not; and before both as a prediction, which must give
/// the same result and leave the host alone.
pub fn changed_then_ok(module: &dyn AnyModule, given: &Map, fake: &mut Fake) -> Outcome {
    let predicted = predict(module, given, fake);
    let first = run(module, given, fake);
    assert_eq!(predicted, first, "the prediction and the real run");
    assert!(first.changed, "the first run changes something: {first:?}");
    let outcome = first.outcome.expect("the first run succeeds");
    let effects = fake.effects().len();
    let second = run(module, given, fake);
    assert!(!second.changed && second.outcome.is_ok(), "the second run changes nothing: {second:?}");
    assert_eq!(fake.effects().len(), effects, "the second run touches nothing");
    outcome
}

/// Runs an item that changes something each time; predicted and real alike.
pub fn changes(module: &dyn AnyModule, given: &Map, fake: &mut Fake) -> ItemResult {
    let predicted = predict(module, given, fake);
    let result = run(module, given, fake);
    assert_eq!(predicted, result, "the prediction and the real run");
    assert!(result.changed, "{result:?}");
    result
}

/// Runs an item that must change nothing.
pub fn is_ok(module: &dyn AnyModule, given: &Map, fake: &mut Fake) -> Outcome {
    let result = run(module, given, fake);
    assert!(!result.changed, "{result:?}");
    result.outcome.expect("it succeeds")
}

/// Runs an item that must fail, predicted and for real, and change nothing.
pub fn fails(module: &dyn AnyModule, given: &Map, fake: &mut Fake) -> Failure {
    let predicted = predict(module, given, fake);
    let effects = fake.effects().len();
    let result = run(module, given, fake);
    assert_eq!(predicted, result, "the prediction and the real run");
    assert_eq!(fake.effects().len(), effects, "a failure touches nothing");
    result.outcome.expect_err("it fails")
}

fn predict(module: &dyn AnyModule, given: &Map, fake: &Fake) -> ItemResult {
    let mut system = Predicted::new(fake.clone());
    let result = run(module, given, &mut system);
    assert_eq!(system.inner().effects(), fake.effects(), "a prediction touches nothing");
    result
}
