package org.espalier.runtime.quantisation.pipeline;

import java.util.List;
import org.espalier.api.codec.Packing;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.linear.OperatorId;
import org.espalier.api.model.ActivationSite;

/**
 * A linear operator that is to be quantised.
 *
 * @param stem of its tensors' names
 * @param source as the checkpoint has it
 * @param layout how its results are stored
 */
record Operator(String stem, EncodedLinear source, Layout layout) {

  /** One matrix of it: the unit of work. */
  record Unit(Operator operator, int expert) {

    /** What it is called in messages and in the work folder. */
    String name() {
      return operator.stem() + "." + expert;
    }

    /** How many weights it has. */
    long weights() {
      return (long) operator.rows() * operator.columns();
    }

    /** Where its inputs are seen. */
    ActivationSite site() {
      OperatorId id = operator.id();
      return switch (id.role()) {
        case QUERY, KEY, VALUE -> new ActivationSite.AttentionInput(id.layer());
        case ATTENTION_OUTPUT -> new ActivationSite.AttentionOutput(id.layer());
        case EXPERT_GATE, EXPERT_UP -> new ActivationSite.ExpertInput(id.layer(), expert);
        case EXPERT_DOWN -> new ActivationSite.ExpertHidden(id.layer(), expert);
        case EMBEDDING, ROUTER, HEAD -> throw new IllegalStateException(id + " is not quantised");
      };
    }
  }

  OperatorId id() {
    return source.id();
  }

  int rows() {
    return source.shape().outputs();
  }

  int columns() {
    return source.shape().inputs();
  }

  /** Name of the tensor of codes. */
  String tensor() {
    return switch (layout) {
      case Layout.Tiles(Packing packing) -> stem + "." + packing.tiles().suffix();
      case Layout.Blocks _ -> stem + ".weight";
    };
  }

  String inputSigns(Packing packing) {
    return stem + "." + packing.inputSigns().suffix();
  }

  String outputSigns(Packing packing) {
    return stem + "." + packing.outputSigns().suffix();
  }

  /** Bytes of the result of one matrix. */
  int resultBytes() {
    return Math.toIntExact(layout.resultBytes(rows(), columns()));
  }

  List<Unit> units() {
    return java.util.stream.IntStream.range(0, source.shape().experts())
        .mapToObj(expert -> new Unit(this, expert))
        .toList();
  }
}
