package org.espalier.codec.qtip;

import java.util.Map;
import org.espalier.api.Offer;
import org.espalier.api.codec.Codec;
import org.espalier.api.codec.Packing;
import org.espalier.api.codec.TensorGroup;
import org.espalier.api.linear.CodecId;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.linear.LinearForm;
import org.espalier.api.linear.LinearShape;
import org.espalier.api.linear.Rotation.SignedHadamard;
import org.espalier.api.linear.TileGrid;

/**
 * The codec of the tensor type QTIP_2B: trellis-coded weights, 2.125 bits each, behind a randomised
 * Hadamard transform.
 *
 * <p>It claims a tensor of ggml type 41 with the tensors {@code sign_r.weight} and {@code
 * sign_l.weight} beside it; the number alone means other things to other projects. Outputs and
 * inputs must be powers of two, at least 16 and 256. Signs may be any finite numbers. What results
 * is {@code y = sign_l ⊙ Ĥ (C (Ĥ (sign_r ⊙ x)))} with the core C in tiles of 16 × 16.
 *
 * <p>Specialised kernels find, under codec id {@code qtip} and layout {@value #LAYOUT}, these
 * parts:
 *
 * <ul>
 *   <li>{@code tiles}: experts × outputs/16 × inputs/16 blocks of 68 bytes, in this order. A block
 *       holds, little-endian, its scale as an IEEE half (2 bytes), the state s₀ (2 bytes) and the
 *       codes c₁ … c₁₂₇ of 4 bits, low half of a byte first (64 bytes, the last 4 bits unused).
 *       Then s_j = (s_{j−1} · 16 + c_j) mod 2¹⁶, x_j = s_j (s_j + 1), and weights 2j and 2j + 1 of
 *       the tile, counted row by row, are the scale times the pair of the codebook at bits 6 to 14
 *       of x_j, the second of the pair negated where bit 15 is set. Scales may differ from block to
 *       block. They are not examined when a model is loaded: where one is infinite or not a number,
 *       so are the weights of its tile.
 *   <li>{@code codebook}: 512 pairs of F32, little-endian.
 *   <li>{@code input_signs}: sign_r, F32, little-endian, [experts × inputs].
 *   <li>{@code output_signs}: sign_l, F32, little-endian, [experts × outputs].
 * </ul>
 */
public final class QtipCodec implements Codec {
  static final CodecId ID = new CodecId("qtip");
  static final int LAYOUT = 1;

  /** Names of parts. */
  static final String TILES = "tiles";

  static final String INPUT_SIGNS = "input_signs";
  static final String OUTPUT_SIGNS = "output_signs";

  private static final TileGrid GRID = new TileGrid(TileBlock.SIDE, TileBlock.SIDE);

  private final Codebook codebook;

  /** Reads and verifies the codebook. */
  public QtipCodec() {
    codebook = Codebook.load();
  }

  @Override
  public CodecId id() {
    return ID;
  }

  @Override
  public String description() {
    return "QTIP_2B: trellis-coded weights behind a Hadamard transform, 2.125 bits each";
  }

  @Override
  public Offer<EncodedLinear> claim(TensorGroup group) {
    return QtipTensors.of(group).map(tensors -> linear(group, tensors));
  }

  private EncodedLinear linear(TensorGroup group, QtipTensors tensors) {
    LinearShape shape = group.shape();
    LinearForm form =
        new LinearForm.Tiled(
            new SignedHadamard(shape.outputs(), tensors.outputSigns()),
            GRID,
            new BlockDecoder(shape, tensors.tiles(), codebook),
            new SignedHadamard(shape.inputs(), tensors.inputSigns()));
    return new EncodedLinear(
        group.id(),
        ID,
        LAYOUT,
        shape,
        form,
        Map.of(
            TILES,
            tensors.tiles(),
            "codebook",
            codebook.table(),
            INPUT_SIGNS,
            tensors.inputSigns(),
            OUTPUT_SIGNS,
            tensors.outputSigns()));
  }

  @Override
  public Offer<Packing> packing(LinearShape shape) {
    return QtipTensors.holds(shape)
        ? Offer.accepted(new QtipPacking(shape))
        : Offer.declined("QTIP_2B cannot hold this matrix: " + QtipTensors.whyNotHeld(shape));
  }
}
