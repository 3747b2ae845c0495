package org.espalier.backend.cuda.weights;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.espalier.api.backend.Binding;
import org.espalier.api.backend.Precision;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.linear.LinearForm;
import org.espalier.api.linear.LinearShape;
import org.espalier.api.linear.Role;
import org.espalier.api.linear.Rotation;
import org.espalier.api.linear.TileGrid;
import org.espalier.api.tensor.ElementType;
import org.espalier.backend.cuda.kernel.Storage;

/**
 * How a linear will be stored and multiplied, decided before anything is loaded.
 *
 * @param storage in device memory
 * @param pairs whether its rows enter as halves, for tensor cores
 * @param decoded whether the host decodes it, because no kernel knows its codec
 * @param kernel a name for people
 * @param declined better kernels, and why not they
 */
public record StorageChoice(
    Storage storage, boolean pairs, boolean decoded, String kernel, List<String> declined) {
  private static final int TILE = 16;
  private static final int BLOCK_BYTES = 68;
  private static final int CODEBOOK_BYTES = 512 * 2 * Float.BYTES;

  /** Decides. */
  public static StorageChoice of(EncodedLinear linear, Precision precision) {
    return switch (linear.form()) {
      case LinearForm.Dense(ElementType element, var _) -> dense(linear, element, precision);
      case LinearForm.Tiled tiled -> {
        String reason = whyNotQtip(linear, tiled);
        yield reason.isEmpty() ? qtip(precision) : decoded(precision, reason);
      }
    };
  }

  /** A large F32 matrix of a fast head is rounded: it would be most of a token's traffic. */
  private static StorageChoice dense(
      EncodedLinear linear, ElementType element, Precision precision) {
    boolean rounded =
        element == ElementType.F32
            && precision == Precision.FAST
            && linear.id().role() == Role.HEAD;
    return rounded
        ? new StorageChoice(Storage.DENSE_BF16, false, false, "dense-rounded", List.of())
        : new StorageChoice(
            Storage.of(element),
            false,
            false,
            "dense-" + element.name().toLowerCase(java.util.Locale.ROOT),
            List.of());
  }

  private static StorageChoice qtip(Precision precision) {
    return switch (precision) {
      case FAST -> new StorageChoice(Storage.QTIP, true, false, "qtip-mma", List.of());
      case EXACT ->
          new StorageChoice(
              Storage.QTIP,
              false,
              false,
              "qtip-f32",
              List.of("qtip-mma: multiplies in half precision, not exactly"));
    };
  }

  private static StorageChoice decoded(Precision precision, String reason) {
    List<String> declined = new ArrayList<>();
    declined.add("qtip-mma: " + reason);
    return switch (precision) {
      case FAST -> new StorageChoice(Storage.DENSE_F16, false, true, "decoded-f16", declined);
      case EXACT -> new StorageChoice(Storage.DENSE_F32, false, true, "decoded-f32", declined);
    };
  }

  private static String whyNotQtip(EncodedLinear linear, LinearForm.Tiled tiled) {
    LinearShape shape = linear.shape();
    if (!linear.codec().value().equals("qtip") || linear.layout() != 1) {
      return "made for layout 1 of codec qtip, not %d of %s"
          .formatted(linear.layout(), linear.codec());
    }
    if (!tiled.grid().equals(new TileGrid(TILE, TILE))
        || shape.outputs() % TILE != 0
        || shape.inputs() % (4 * TILE) != 0) {
      return "needs tiles of 16 × 16 and multiples of 16 outputs and 64 inputs";
    }
    MemorySegment tiles = linear.parts().get("tiles");
    MemorySegment codebook = linear.parts().get("codebook");
    if (tiles == null || tiles.byteSize() != shape.weights() / (TILE * TILE) * BLOCK_BYTES) {
      return "needs a part \"tiles\" of 68 bytes for each tile";
    }
    if (codebook == null || codebook.byteSize() != CODEBOOK_BYTES) {
      return "needs a part \"codebook\" of 512 × 2 floats";
    }
    return "";
  }

  /** The same, rounded to another type of 16 bits. */
  StorageChoice rounded(Storage to) {
    return new StorageChoice(
        to, pairs, decoded, to == Storage.DENSE_F16 ? "dense-f16" : "dense-bf16", declined);
  }

  /** Whether the file's floats are to be rounded. */
  boolean isRounded(EncodedLinear linear) {
    return linear.form() instanceof LinearForm.Dense(ElementType element, var _)
        && Storage.of(element) != storage;
  }

  /** The same with a scale for each tile, which only the exact kernel reads. */
  StorageChoice withTileScales() {
    List<String> reasons = new ArrayList<>(declined);
    if (pairs) {
      reasons.add("qtip-mma: needs one scale for each matrix, and here tiles differ");
    }
    return new StorageChoice(Storage.QTIP_SCALED, false, false, "qtip-f32", reasons);
  }

  /** Bytes of a bank in device memory: matrices, their addresses, signs. */
  public long bytes(EncodedLinear linear) {
    LinearShape shape = linear.shape();
    long bytes =
        shape.experts() * (storage.matrixBytes(shape.outputs(), shape.inputs()) + Long.BYTES);
    if (linear.form() instanceof LinearForm.Tiled tiled) {
      bytes +=
          signBytes(tiled.input(), shape.inputs()) + signBytes(tiled.output(), shape.outputs());
    }
    return bytes + 1024; // allocations are rounded up
  }

  private static long signBytes(Rotation rotation, int width) {
    return switch (rotation) {
      case Rotation.Identity _ -> 0;
      case Rotation.SignedHadamard(int _, MemorySegment signs) ->
          SignBits.areSigns(signs)
              ? signs.byteSize() / Float.BYTES / width * SignBits.words(width) * Integer.BYTES
              : signs.byteSize();
    };
  }

  /** For those who ask which kernel runs what. */
  public Binding binding(EncodedLinear linear) {
    return new Binding(linear.id(), kernel, declined);
  }
}
