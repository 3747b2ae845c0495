package org.espalier.api.model;

import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.linear.LinearShape;
import org.espalier.api.linear.OperatorId;

/** Finds the codec that understands an operator's tensors. Given to architectures by the loader. */
@FunctionalInterface
public interface Binder {

  /**
   * Binds one operator.
   *
   * @param id which one
   * @param stem what its tensors' names begin with, such as {@code "blk.0.attn_q"}
   * @param shape that the metadata imply
   * @throws org.espalier.api.EspalierException.MalformedModel when it is missing or of another
   *     shape
   * @throws org.espalier.api.EspalierException.Unsupported when no codec claims it, with all
   *     reasons
   */
  EncodedLinear bind(OperatorId id, String stem, LinearShape shape);
}
