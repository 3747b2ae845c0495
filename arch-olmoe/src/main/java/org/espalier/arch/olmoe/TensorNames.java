package org.espalier.arch.olmoe;

import java.util.List;
import java.util.Set;
import org.espalier.api.linear.Role;

/**
 * What an OLMoE's tensors are called in one kind of file.
 *
 * <p>Names here are stems. A norm is one tensor, the stem and {@code .weight}; a linear is whatever
 * tensors begin with the stem and a dot, as its codec knows them.
 */
interface TensorNames {
  /** Where the one tensor of a norm, or the main tensor of a linear, is found. */
  String WEIGHT = ".weight";

  /** The norms of a layer. */
  enum LayerNorm {
    /** Before attention. */
    ATTENTION,
    /** Over all queries. */
    QUERY,
    /** Over all keys. */
    KEY,
    /** Before the experts. */
    EXPERTS
  }

  /** The token table. */
  String embedding();

  /** The norm before the head. */
  String outputNorm();

  /** The head; a model that has none of its own uses the token table. */
  String output();

  /** A norm of a layer. */
  String norm(int layer, LayerNorm norm);

  /** A linear of a layer. */
  String linear(int layer, Role role);

  /** A bank of experts: one stem where it is stored as a stack, one for each expert otherwise. */
  List<String> experts(int layer, Role role, int experts);

  /**
   * Makes sure that every tensor of the file has a place in the model, and that there are enough of
   * them to look for.
   *
   * @throws org.espalier.api.EspalierException.MalformedModel when there are more or fewer than the
   *     metadata say
   * @throws org.espalier.api.EspalierException.Unsupported when there is a tensor that OLMoE has no
   *     place for
   */
  void check(Set<String> names, OlmoeConfig config);
}
