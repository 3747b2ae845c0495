package org.espalier.api.model;

import java.util.List;
import org.espalier.api.format.Metadata;
import org.espalier.api.linear.EncodedLinear;

/**
 * What a file that holds a model contains, so that any writer can fill one: keys and names are
 * those of GGUF.
 *
 * @param metadata what the architecture says about the model; name, tokenizer and types of tensors
 *     are for the writer to add
 * @param weights in the order in which they are best written
 */
public record ModelContent(Metadata metadata, List<Weights> weights) {
  public ModelContent {
    weights = List.copyOf(weights);
  }

  /** One of the model's weights. */
  public sealed interface Weights {

    /** What the names of its tensors begin with; the main one's name ends in {@code .weight}. */
    String stem();

    /**
     * A norm, which is kept as F32.
     *
     * @param norm with its weights
     */
    record Vector(String stem, Norm norm) implements Weights {}

    /**
     * A linear operator, or a bank of them.
     *
     * @param linear as the plan has it
     */
    record Matrix(String stem, EncodedLinear linear) implements Weights {}
  }
}
