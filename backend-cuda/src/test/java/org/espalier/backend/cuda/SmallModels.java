package org.espalier.backend.cuda;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.espalier.api.backend.Precision;
import org.espalier.api.backend.Rows;
import org.espalier.arch.olmoe.OlmoeArchitecture;
import org.espalier.codec.qtip.QtipCodec;
import org.espalier.format.gguf.GgufFormat;
import org.espalier.runtime.Model;
import org.espalier.runtime.ModelOptions;
import org.espalier.runtime.Providers;

/** The models of the repository, and what others computed for them. */
final class SmallModels {
  static final Path FOLDER = Path.of(System.getProperty("espalier.models"));

  private SmallModels() {}

  /** Opens a model on the GPU. */
  static Model open(String name, Precision precision, int batch, Map<String, String> settings) {
    Providers providers =
        new Providers(
            List.of(new GgufFormat()),
            List.of(new QtipCodec()),
            List.of(new OlmoeArchitecture()),
            List.of(new CudaBackendProvider()));
    ModelOptions options =
        ModelOptions.of(1).withPrecision(precision).withBatch(batch).withSettings(settings);
    return Model.open(FOLDER.resolve(name), providers, options, _ -> {});
  }

  /** The numbers of the n-th list of this name in a reference's JSON. */
  static int[] ids(String file, String name, int n) {
    try {
      String json = Files.readString(FOLDER.resolve("reference").resolve(file));
      Matcher matcher = Pattern.compile('"' + name + "\":\\s*\\[([^\\]]*)\\]").matcher(json);
      for (int i = 0; i <= n; i++) {
        if (!matcher.find()) {
          throw new IllegalStateException(file + " has no list " + n + " of " + name);
        }
      }
      return Stream.of(matcher.group(1).split(","))
          .map(String::strip)
          .mapToInt(Integer::parseInt)
          .toArray();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Reference logits, the first {@code kept} columns of each row. */
  static float[][] logits(String file, int columns, int kept) {
    try {
      ByteBuffer bytes =
          ByteBuffer.wrap(Files.readAllBytes(FOLDER.resolve("reference").resolve(file)))
              .order(ByteOrder.LITTLE_ENDIAN);
      float[][] rows = new float[bytes.remaining() / Float.BYTES / columns][kept];
      for (int row = 0; row < rows.length; row++) {
        for (int i = 0; i < kept; i++) {
          rows[row][i] = bytes.getFloat((row * columns + i) * Float.BYTES);
        }
      }
      return rows;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static float[][] copy(Rows rows) {
    float[][] copy = new float[rows.count()][rows.width()];
    for (int i = 0; i < copy.length; i++) {
      rows.read(i, copy[i], 0);
    }
    return copy;
  }

  static double error(float[] expected, float[] actual) {
    double difference = 0;
    double size = 0;
    for (int i = 0; i < expected.length; i++) {
      difference += Math.pow((double) expected[i] - actual[i], 2);
      size += Math.pow(expected[i], 2);
    }
    return Math.sqrt(difference / size);
  }

  static int argmax(float[] row) {
    int best = 0;
    for (int i = 1; i < row.length; i++) {
      best = row[i] > row[best] ? i : best;
    }
    return best;
  }
}
