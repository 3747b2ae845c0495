package org.espalier.format.gguf;

import java.nio.file.Path;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.Offer;
import org.espalier.api.format.ModelArtifact;

/** Files that several tests read. */
final class Samples {
  private Samples() {}

  /** Opens a file that is expected to be a GGUF. */
  static ModelArtifact open(Path path) {
    return new GgufFormat().open(path).orElseThrow(Unsupported::new);
  }

  /** Why a file is declined. */
  static String declined(Path path) {
    return switch (new GgufFormat().open(path)) {
      case Offer.Declined<ModelArtifact>(String reason) -> reason;
      case Offer.Accepted<ModelArtifact>(ModelArtifact artifact) -> {
        artifact.close();
        throw new AssertionError("accepted " + path);
      }
    };
  }

  /** Every value type, nested arrays, three tensors of a plain, a known and an unknown type. */
  static GgufBytes everything() {
    GgufBytes file = GgufBytes.header(3, 3, 18);
    file.key("u8", 0).int8(200).key("i8", 1).int8(-100);
    file.key("u16", 2).int16(60_000).key("i16", 3).int16(-30_000);
    file.key("u32", 4).int32(4_000_000_000L).key("i32", 5).int32(-2_000_000_000);
    file.key("f32", 6).float32(1e-5f).key("bool", 7).int8(1);
    file.key("text", 8).text("Ġtale ☃");
    file.key("u64", 10).int64(-1).key("i64", 11).int64(Long.MIN_VALUE).key("f64", 12).float64(0.1);
    file.key("tokens", 9).int32(8).int64(3).text("a").text("").text("ü");
    file.key("types", 9).int32(5).int64(2).int32(1).int32(-1);
    file.key("scores", 9).int32(6).int64(2).float32(-1.5f).float32(0);
    file.key("flags", 9).int32(7).int64(2).int8(0).int8(1);
    file.key("nested", 9).int32(9).int64(2).int32(0).int64(2).int8(1).int8(255);
    file.int32(9).int64(1).int32(8).int64(1).text("deep");
    file.key("general.alignment", 4).int32(64);
    file.tensor("plain", 0, 0, 3, 2);
    file.tensor("known", 8, 64, 32, 2, 1);
    file.tensor("unknown", 41, 192, 256, 16);
    return file.align(64).zeros(24 + 40).zeros(68 + 60).zeros(100);
  }

  /** Where the data of {@link #everything} begins: three tensors before its end. */
  static int dataStart(GgufBytes everything) {
    return everything.toByteArray().length - 64 - 128 - 100;
  }
}
