package org.espalier.runtime.inspection;

import java.util.LinkedHashMap;
import java.util.Map;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.linear.LinearShape;
import org.espalier.api.linear.OperatorId;
import org.espalier.api.model.Binder;

/** Binds as another binder does and remembers what became of every stem. */
final class NotingBinder implements Binder {
  private final Binder binder;
  private final Map<String, EncodedLinear> bound = new LinkedHashMap<>();

  NotingBinder(Binder binder) {
    this.binder = binder;
  }

  @Override
  public EncodedLinear bind(OperatorId id, String stem, LinearShape shape) {
    EncodedLinear linear = binder.bind(id, stem, shape);
    bound.put(stem, linear);
    return linear;
  }

  /** Linear operators by the stem of their tensors' names, in the order of binding. */
  Map<String, EncodedLinear> bound() {
    return bound;
  }
}
