package org.espalier.codec.qtip;

import org.espalier.api.Offer;
import org.espalier.api.codec.Codec;
import org.espalier.api.codec.TensorGroup;
import org.espalier.api.linear.CodecId;
import org.espalier.api.linear.EncodedLinear;

/** The codec of the QTIP_2B tensor type. */
public final class QtipCodec implements Codec {
  @Override
  public CodecId id() {
    return new CodecId("qtip");
  }

  @Override
  public String description() {
    return "QTIP_2B, 2.125 bits per weight";
  }

  @Override
  public Offer<EncodedLinear> claim(TensorGroup group) {
    return Offer.declined("not yet written");
  }
}
