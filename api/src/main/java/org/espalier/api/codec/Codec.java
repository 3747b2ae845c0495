package org.espalier.api.codec;

import java.util.List;
import org.espalier.api.Offer;
import org.espalier.api.linear.CodecId;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.linear.LinearShape;

/**
 * A service: one way of storing weights. A codec never knows a backend.
 *
 * <p>It needs no state and is safe to call from many threads.
 */
public interface Codec {

  /** Its name. Two codecs of one name on the module path are an error. */
  CodecId id();

  /** One line for people: what it is and how many bits a weight takes. */
  String description();

  /**
   * Recognises a group of tensors by types, siblings and byte sizes (never by a type number alone)
   * and says what they mean. Shapes are as the file has them: those of the codecs here are
   * (outputs, inputs) for a plain operator and (experts, outputs, inputs) for a bank.
   *
   * @return the operator, or why this group is not this codec's; when the group is this codec's but
   *     broken, the reason says what is broken
   */
  Offer<EncodedLinear> claim(TensorGroup group);

  /**
   * How this codec would store an operator of the given shape, for writers.
   *
   * @return declined by codecs that only read, and for shapes that they cannot hold
   */
  default Offer<Packing> packing(LinearShape shape) {
    return Offer.declined("the codec " + id() + " only reads");
  }

  /** The ways in which it stores plain rows in blocks; none for most codecs. */
  default List<BlockQuantizer> blockQuantizers() {
    return List.of();
  }
}
