package org.espalier.runtime.synthesis;

import java.lang.foreign.MemorySegment;
import java.util.Map;
import java.util.random.RandomGenerator;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.Offer;
import org.espalier.api.codec.Codec;
import org.espalier.api.codec.Packing;
import org.espalier.api.codec.TensorGroup;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.linear.LinearForm;
import org.espalier.api.linear.OperatorId;
import org.espalier.api.linear.Role;
import org.espalier.api.tensor.Tensor;

/**
 * Measures what a codec makes of random codes: their root mean square at scale 1, by packing a
 * small matrix, having the codec claim it, and decoding it.
 */
final class CodeScale {
  private static final String STEM = "sample";

  private CodeScale() {}

  /**
   * The measure.
   *
   * @param packing of a matrix, which is what is packed, claimed and decoded
   */
  static double rootMeanSquare(Codec codec, Packing packing, RandomGenerator random) {
    EncodedLinear linear =
        switch (codec.claim(randomGroup(packing, random))) {
          case Offer.Accepted<EncodedLinear>(EncodedLinear claimed) -> claimed;
          case Offer.Declined<EncodedLinear>(String reason) ->
              throw new Unsupported(
                  "the codec %s does not read what it writes: %s".formatted(codec.id(), reason));
        };
    return switch (linear.form()) {
      case LinearForm.Tiled tiled -> rootMeanSquare(codec, packing, tiled);
      case LinearForm.Dense _ ->
          throw new Unsupported(
              "the codec %s does not decode tiles, so it cannot hold random ones"
                  .formatted(codec.id()));
    };
  }

  private static double rootMeanSquare(Codec codec, Packing packing, LinearForm.Tiled form) {
    int tileRows = packing.shape().outputs() / form.grid().rows();
    int tileColumns = packing.shape().inputs() / form.grid().columns();
    float[] row = new float[Math.multiplyExact(tileColumns, form.grid().size())];
    double squares = 0;
    for (int tileRow = 0; tileRow < tileRows; tileRow++) {
      form.core().decode(0, tileRow, 0, tileColumns, row, 0);
      for (float value : row) {
        squares += (double) value * value;
      }
    }
    double count = (double) tileRows * row.length;
    double rms = Math.sqrt(squares / count);
    if (!(rms > 0) || !Double.isFinite(rms)) {
      throw new Unsupported(
          "the codec %s makes numbers of a root mean square of %s from random codes"
              .formatted(codec.id(), rms));
    }
    return rms;
  }

  private static TensorGroup randomGroup(Packing packing, RandomGenerator random) {
    long tiles = tiles(packing);
    MemorySegment packed =
        MemorySegment.ofArray(new byte[Math.toIntExact(tiles * packing.packedBytes())]);
    Fillers.tiles(packing, 1).fill(random, Math.toIntExact(tiles), packed);
    Packing.Member codes = packing.tiles();
    Packing.Member inputs = packing.inputSigns();
    Packing.Member outputs = packing.outputSigns();
    return new TensorGroup(
        new OperatorId(0, Role.QUERY),
        STEM,
        packing.shape(),
        Map.of(
            codes.suffix(), tensor(codes, packed),
            inputs.suffix(), signs(inputs, packing.shape().inputs(), random),
            outputs.suffix(), signs(outputs, packing.shape().outputs(), random)));
  }

  /** How many tiles a bank has. */
  static long tiles(Packing packing) {
    return packing.shape().weights() / packing.grid().size();
  }

  private static Tensor signs(Packing.Member member, int count, RandomGenerator random) {
    MemorySegment bytes = MemorySegment.ofArray(new byte[count * Float.BYTES]);
    Fillers.signs().fill(random, count, bytes);
    return tensor(member, bytes);
  }

  private static Tensor tensor(Packing.Member member, MemorySegment bytes) {
    return new Tensor(STEM + "." + member.suffix(), member.type(), member.shape(), bytes);
  }
}
