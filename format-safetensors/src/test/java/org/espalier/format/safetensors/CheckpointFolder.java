package org.espalier.format.safetensors;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.Offer;
import org.espalier.api.format.ModelArtifact;

/**
 * A checkpoint written by tests, with headers put together as text, so that they may be wrong.
 *
 * @param path of the folder
 */
record CheckpointFolder(Path path) {

  /** A safetensors file: the length of the header, the header, the data. */
  static byte[] file(String header, int dataBytes) {
    byte[] json = header.getBytes(StandardCharsets.UTF_8);
    return file(json.length, json, dataBytes);
  }

  /** The same with any length; the data count up from 0. */
  static byte[] file(long length, byte[] json, int dataBytes) {
    ByteBuffer bytes =
        ByteBuffer.allocate(8 + json.length + dataBytes).order(ByteOrder.LITTLE_ENDIAN);
    bytes.putLong(length).put(json);
    for (int i = 0; i < dataBytes; i++) {
      bytes.put((byte) i);
    }
    return bytes.array();
  }

  /** One entry of a header. */
  static String entry(String name, String type, String shape, long begin, long end) {
    return "\"%s\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%d,%d]}"
        .formatted(name, type, shape, begin, end);
  }

  /** A header of entries. */
  static String header(String... entries) {
    return "{" + String.join(",", entries) + "}";
  }

  /** A header of one F32 tensor of 2 × 3. */
  static String small(String name) {
    return header(entry(name, "F32", "[2,3]", 0, 24));
  }

  /** An index over names and shards in turn. */
  static String index(String... namesAndShards) {
    List<String> entries = new ArrayList<>();
    for (int i = 0; i < namesAndShards.length; i += 2) {
      entries.add("\"%s\":\"%s\"".formatted(namesAndShards[i], namesAndShards[i + 1]));
    }
    return "{\"metadata\":{\"total_size\":1},\"weight_map\":{%s}}"
        .formatted(String.join(",", entries));
  }

  CheckpointFolder with(String name, byte[] bytes) {
    try {
      Files.write(path.resolve(name), bytes);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return this;
  }

  CheckpointFolder with(String name, String text) {
    return with(name, text.getBytes(StandardCharsets.UTF_8));
  }

  /** With the tensors of one file. */
  CheckpointFolder withModel(String header, int dataBytes) {
    return with("model.safetensors", file(header, dataBytes));
  }

  ModelArtifact open() {
    return open(path);
  }

  static ModelArtifact open(Path path) {
    return new SafetensorsFormat().open(path).orElseThrow(Unsupported::new);
  }

  /** Why a path is declined. */
  static String declined(Path path) {
    return switch (new SafetensorsFormat().open(path)) {
      case Offer.Declined<ModelArtifact>(String reason) -> reason;
      case Offer.Accepted<ModelArtifact>(ModelArtifact artifact) -> {
        artifact.close();
        throw new AssertionError("accepted " + path);
      }
    };
  }
}
