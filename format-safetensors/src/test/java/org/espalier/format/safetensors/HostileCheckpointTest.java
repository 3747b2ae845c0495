package org.espalier.format.safetensors;

import static org.espalier.format.safetensors.CheckpointFolder.entry;
import static org.espalier.format.safetensors.CheckpointFolder.file;
import static org.espalier.format.safetensors.CheckpointFolder.header;
import static org.espalier.format.safetensors.CheckpointFolder.index;
import static org.espalier.format.safetensors.CheckpointFolder.small;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.Stream;
import org.espalier.api.EspalierException;
import org.espalier.api.EspalierException.MalformedModel;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.Offer;
import org.espalier.api.format.ModelArtifact;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

final class HostileCheckpointTest {
  @TempDir Path path;
  private CheckpointFolder folder;

  @BeforeEach
  void start() {
    folder = new CheckpointFolder(path);
  }

  static Stream<Arguments> headers() {
    String a = entry("a", "F32", "[2,3]", 0, 24);
    return Stream.of(
        arguments("out of the file", header(entry("a", "F32", "[2,4]", 0, 32)), "only 24"),
        arguments("far out", header(entry("a", "F32", "[2,3]", 1L << 62, (1L << 62) + 24)), "lies"),
        arguments("overlap", header(a, entry("b", "F32", "[1]", 20, 24)), "'b' begins at byte 20"),
        arguments("gap at the start", header(entry("a", "F32", "[5]", 4, 24)), "begins at byte 4"),
        arguments("too little", header(entry("a", "F32", "[5]", 0, 20)), "take 20 bytes"),
        arguments("shape and bytes", header(entry("a", "F32", "[2,2]", 0, 24)), "has 24 bytes"),
        arguments("half a byte", header(entry("a", "F4", "[49]", 0, 24)), "has 24 bytes"),
        arguments(
            "overflow", header(entry("a", "F32", "[4294967296,4294967296]", 0, 24)), "24 bytes"),
        arguments("backwards", header(entry("a", "F32", "[6]", 24, 0)), "data_offsets"),
        arguments("negative", header(entry("a", "F32", "[-6]", 0, 24)), "-6 in its shape"),
        arguments("negative offset", header(entry("a", "F32", "[6]", -24, 0)), "-24"),
        arguments("fraction", header(entry("a", "F32", "[6.0]", 0, 24)), "6.0 in its shape"),
        arguments("huge", header(entry("a", "F32", "[99999999999999999999]", 0, 24)), "9999999"),
        arguments("text", header(entry("a", "F32", "[\"6\"]", 0, 24)), "6 in its shape"),
        arguments("no type", "{\"a\":{\"shape\":[6],\"data_offsets\":[0,24]}}", "no dtype"),
        arguments("no shape", "{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,24]}}", "no shape"),
        arguments("no offsets", "{\"a\":{\"dtype\":\"F32\",\"shape\":[6]}}", "no data_offsets"),
        arguments(
            "three offsets",
            "{\"a\":{\"dtype\":\"F32\",\"shape\":[6],\"data_offsets\":[0,24,24]}}",
            "data_offsets"),
        arguments("not an object", "{\"a\":[1]}", "should be an object"),
        arguments("an array", "{]", "not valid JSON"),
        arguments("twice", header(a, a), "uplicate"),
        arguments("twice within", "{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F16\"}}", "uplicate"),
        arguments("two documents", small("a") + "{}", "goes on"),
        arguments("cut", small("a").substring(0, 30), "not valid JSON"),
        arguments("deep", "{\"a\":" + "[".repeat(100) + "]".repeat(100) + "}", "not valid JSON"),
        arguments("deeper", "{\"a\":".repeat(50_000) + "1" + "}".repeat(50_000), "not valid JSON"),
        arguments(
            "control characters", header(entry("a\\u001bb", "F32", "[5]", 0, 24)), "a\uFFFDb"),
        arguments("no tensors", "{}", "holds 24"));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("headers")
  void refusesHeaders(String what, String header, String expected) {
    folder.withModel(header, 24);
    MalformedModel failure = assertThrows(MalformedModel.class, folder::open);
    says(failure, "model.safetensors", expected);
    assertFalse(failure.getMessage().matches(".*\\p{Cntrl}.*"), failure.getMessage());
  }

  @Test
  void refusesLengthsBeyondTheFile() {
    byte[] json = small("a").getBytes(StandardCharsets.UTF_8);
    for (long length : new long[] {json.length + 25L, 1L << 40, Long.MAX_VALUE, -1, -json.length}) {
      folder.with("model.safetensors", file(length, json, 24));
      says(assertThrows(MalformedModel.class, folder::open), "header is said to have");
    }
    folder.with("model.safetensors", new byte[] {1, 0, 0});
    says(assertThrows(MalformedModel.class, folder::open), "only 3 bytes");
    folder.with("model.safetensors", new byte[0]);
    says(assertThrows(MalformedModel.class, folder::open), "only 0 bytes");
    folder.with("model.safetensors", file(" " + small("a"), 24));
    says(assertThrows(MalformedModel.class, folder::open), "brace");
    folder.with(
        "model.safetensors",
        file(
            "{\"a\": \"\u00ff".getBytes(StandardCharsets.ISO_8859_1).length,
            "{\"a\": \"\u00ff\"}".getBytes(StandardCharsets.ISO_8859_1),
            24));
    says(assertThrows(MalformedModel.class, folder::open), "not valid JSON");
  }

  @Test
  void refusesEmptyTensors() {
    folder.withModel(header(entry("a", "F32", "[6]", 0, 24), entry("b", "F32", "[0]", 24, 24)), 24);
    says(assertThrows(Unsupported.class, folder::open), "'b'", "[0]");
  }

  @Test
  void missingShardsAreNamed() {
    folder
        .with("one.safetensors", file(small("a"), 24))
        .with(
            "model.safetensors.index.json", index("a", "one.safetensors", "b", "two.safetensors"));
    says(assertThrows(MalformedModel.class, folder::open), "'two.safetensors'", "not there");
  }

  @Test
  void missingTensorsAreNamed() {
    folder
        .with("one.safetensors", file(small("a"), 24))
        .with(
            "model.safetensors.index.json", index("a", "one.safetensors", "b", "one.safetensors"));
    says(assertThrows(MalformedModel.class, folder::open), "'b'", "'one.safetensors'");
  }

  @Test
  void indexesLeadNowhereElse() {
    for (String shard :
        new String[] {"../one.safetensors", "/etc/passwd", "a/b", "..", "a\\\\b", ""}) {
      folder.with("model.safetensors.index.json", index("a", shard));
      says(assertThrows(MalformedModel.class, folder::open), "same folder");
    }
    folder.with("model.safetensors.index.json", "{\"weight_map\":{\"a\":5}}");
    says(assertThrows(MalformedModel.class, folder::open), "should be a text");
    folder.with("model.safetensors.index.json", "{\"weight_map\":{}}");
    says(assertThrows(MalformedModel.class, folder::open), "names no tensors");
    folder.with("model.safetensors.index.json", "[1]");
    says(assertThrows(MalformedModel.class, folder::open), "JSON object");
  }

  @Test
  void brokenJsonBesideItIsNamed() {
    folder.withModel(small("a"), 24);
    for (String name :
        new String[] {
          "config.json", "generation_config.json", "tokenizer_config.json", "tokenizer.json"
        }) {
      folder.with(name, "{\"a\":");
      says(assertThrows(MalformedModel.class, folder::open), name);
      folder.with(name, "{}");
    }
  }

  /** Whatever byte is wrong and wherever it ends, it opens or is refused in words. */
  @Test
  void survivesDamage() {
    byte[] whole =
        file(
            header(
                "\"__metadata__\":{\"format\":\"pt\"}",
                entry("a", "F32", "[2,3]", 0, 24),
                entry("b", "BF16", "[3,1,2]", 24, 36)),
            36);
    Random random = new Random(5);
    for (int at = 0; at < whole.length; at++) {
      assertOpensOrRefuses(Arrays.copyOf(whole, at));
      for (int mask : new int[] {0x01, 0x80, 0xff, random.nextInt(1, 256)}) {
        byte[] damaged = whole.clone();
        damaged[at] ^= (byte) mask;
        assertOpensOrRefuses(damaged);
      }
    }
  }

  private void assertOpensOrRefuses(byte[] bytes) {
    folder.with("model.safetensors", bytes);
    try {
      if (new SafetensorsFormat().open(path)
          instanceof Offer.Accepted<ModelArtifact>(ModelArtifact artifact)) {
        try (artifact) {
          artifact.tensors().values().forEach(tensor -> sum(tensor.bytes()));
        }
      }
    } catch (EspalierException refusal) {
      assertFalse(refusal.getMessage().isBlank());
    }
  }

  private static long sum(MemorySegment bytes) {
    long sum = 0;
    for (long i = 0; i < bytes.byteSize(); i++) {
      sum += bytes.get(ValueLayout.JAVA_BYTE, i);
    }
    return sum;
  }

  private static void says(EspalierException failure, String... parts) {
    for (String part : parts) {
      assertTrue(failure.getMessage().contains(part), part + " in: " + failure.getMessage());
    }
  }
}
