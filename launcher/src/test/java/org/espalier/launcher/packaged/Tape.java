package org.espalier.launcher.packaged;

import java.io.BufferedOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.espalier.api.format.MetadataValue;
import org.espalier.api.format.ModelArtifact;
import org.espalier.api.tensor.StorageType;
import org.espalier.api.tensor.Tensor;

/** Writes the files that the plugin {@code tape} reads. */
final class Tape {
  private Tape() {}

  static void write(ModelArtifact artifact, Path file) throws IOException {
    try (DataOutputStream out =
        new DataOutputStream(new BufferedOutputStream(Files.newOutputStream(file)))) {
      out.writeBytes("TAPE");
      Map<String, MetadataValue> entries = artifact.metadata().entries();
      out.writeInt(entries.size());
      for (Map.Entry<String, MetadataValue> entry : entries.entrySet()) {
        text(out, entry.getKey());
        value(out, entry.getValue());
      }
      out.writeInt(artifact.tensors().size());
      for (Tensor tensor : artifact.tensors().values()) {
        text(out, tensor.name());
        out.writeInt(tensor.type() instanceof StorageType.Block block ? block.code() : -1);
        out.writeInt(tensor.shape().size());
        for (long dimension : tensor.shape()) {
          out.writeLong(dimension);
        }
        out.writeLong(tensor.bytes().byteSize());
        out.write(ModelFiles.bytes(tensor));
      }
    }
  }

  private static void value(DataOutputStream out, MetadataValue value) throws IOException {
    switch (value) {
      case MetadataValue.Text(String text) -> {
        out.writeByte('t');
        text(out, text);
      }
      case MetadataValue.Whole(_, long number) -> {
        out.writeByte('w');
        out.writeLong(number);
      }
      case MetadataValue.Real(_, double number) -> {
        out.writeByte('r');
        out.writeDouble(number);
      }
      case MetadataValue.Flag(boolean flag) -> {
        out.writeByte('f');
        out.writeBoolean(flag);
      }
      case MetadataValue.Texts(List<String> texts) -> {
        out.writeByte('s');
        out.writeInt(texts.size());
        for (String text : texts) {
          text(out, text);
        }
      }
      default -> throw new AssertionError("the demo model has nothing like " + value);
    }
  }

  private static void text(DataOutputStream out, String text) throws IOException {
    byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
    out.writeInt(utf8.length);
    out.write(utf8);
  }
}
