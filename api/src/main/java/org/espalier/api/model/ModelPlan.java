package org.espalier.api.model;

import java.util.List;
import org.espalier.api.linear.EncodedLinear;

/**
 * What a model computes, stage by stage, independent of file and machine.
 *
 * @param architecture name of the architecture, for people
 * @param width of the residual stream
 * @param vocabulary rows of the embedding and of the head
 * @param contextLength positions that the model was trained for
 * @param stages in order; a whole model begins with an embedding and ends with a head
 */
public record ModelPlan(
    String architecture, int width, int vocabulary, int contextLength, List<Stage> stages) {

  public ModelPlan {
    stages = List.copyOf(stages);
  }

  /** The stages from {@code from} (inclusive) to {@code to} (exclusive) as a plan of their own. */
  public ModelPlan slice(int from, int to) {
    return new ModelPlan(architecture, width, vocabulary, contextLength, stages.subList(from, to));
  }

  /** Whether it takes token ids rather than rows. */
  public boolean takesTokens() {
    return !stages.isEmpty() && stages.getFirst() instanceof Stage.Embedding;
  }

  /** Whether it gives logits rather than rows. */
  public boolean givesLogits() {
    return !stages.isEmpty() && stages.getLast() instanceof Stage.Head;
  }

  /** Values per output row. */
  public int outputWidth() {
    return givesLogits() ? vocabulary : width;
  }

  /** All linear operators, in order. */
  public List<EncodedLinear> linears() {
    return stages.stream().flatMap(stage -> stage.linears().stream()).toList();
  }
}
