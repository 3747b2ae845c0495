package org.espalier.api.codec;

import java.util.Map;
import org.espalier.api.linear.LinearShape;
import org.espalier.api.linear.OperatorId;
import org.espalier.api.tensor.Tensor;

/**
 * The tensors of a file that together may be one linear operator.
 *
 * @param id the operator that the architecture looks for
 * @param stem what the names of all members begin with, such as {@code "blk.0.attn_q"}
 * @param shape the shape that the architecture expects
 * @param members all tensors whose names begin with the stem and a dot, by what follows: {@code
 *     "weight"}, {@code "sign_r.weight"} …
 */
public record TensorGroup(
    OperatorId id, String stem, LinearShape shape, Map<String, Tensor> members) {
  public TensorGroup {
    members = Map.copyOf(members);
  }
}
