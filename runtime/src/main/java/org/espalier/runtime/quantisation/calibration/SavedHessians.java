package org.espalier.runtime.quantisation.calibration;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.espalier.api.EspalierException.DeviceFailure;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.EspalierException.MalformedData;
import org.espalier.api.math.FloatMatrix;
import org.espalier.api.model.ActivationSite;

/**
 * Hessians in a folder, each in a file of NumPy's format (F32, n × n) named after its site, such as
 * {@code layer3.expert_input.17.npy}, or after its matrix, such as {@code
 * blk.3.ffn_up_exps.17.outputs.npy}. A text for each layer counts the tokens of its sites; it is
 * written when all of them are there. {@code calibration.txt} says what they were made of.
 *
 * @param folder where they are
 */
public record SavedHessians(Path folder) {
  private static final String DESCRIPTION = "calibration.txt";

  /**
   * What they were made of, by names; empty when there is nothing yet.
   *
   * @throws DeviceFailure when it cannot be read
   */
  public Optional<Map<String, String>> description() {
    return texts(folder.resolve(DESCRIPTION));
  }

  /**
   * Begins or continues a collection.
   *
   * @throws InvalidRequest when the folder holds that of another model or calibration
   */
  public void describe(Map<String, String> description) {
    Optional<Map<String, String>> before = description();
    if (before.isPresent() && !before.get().equals(description)) {
      throw new InvalidRequest(
          "%s holds Hessians of another model or calibration: choose another folder"
              .formatted(folder));
    }
    try {
      Files.createDirectories(folder);
    } catch (IOException e) {
      throw failed(folder, e);
    }
    put(folder.resolve(DESCRIPTION), description);
  }

  /** Whether a layer is complete. */
  public boolean has(int layer) {
    return Files.exists(tokens(layer));
  }

  private Path tokens(int layer) {
    return folder.resolve("layer%d.tokens.txt".formatted(layer));
  }

  /** Keeps those of one layer. */
  public void save(int layer, Map<ActivationSite, Hessian> hessians) {
    Map<String, Hessian> named = new LinkedHashMap<>();
    hessians.forEach((site, hessian) -> named.put(name(site), hessian));
    saveNamed(layer, named);
  }

  /** Keeps those of one layer, by the names of their files. */
  public void saveNamed(int layer, Map<String, Hessian> hessians) {
    Map<String, String> counts = new LinkedHashMap<>();
    hessians.forEach((name, hessian) -> {
      counts.put(name, Long.toString(hessian.tokens()));
      write(folder.resolve(name + ".npy"), hessian.matrix());
    });
    put(tokens(layer), counts);
  }

  /**
   * Reads those of one layer.
   *
   * @param widths of the sites that are wanted
   * @throws MalformedData when one is missing or of another size
   */
  public Map<ActivationSite, Hessian> load(int layer, Map<ActivationSite, Integer> widths) {
    Map<String, String> counts = counts(layer);
    Map<ActivationSite, Hessian> hessians = new LinkedHashMap<>();
    widths.forEach((site, width) -> hessians.put(site, load(layer, counts, name(site), width)));
    return hessians;
  }

  /** Reads those of one layer, by the names of their files. */
  public Map<String, Hessian> loadNamed(int layer, Map<String, Integer> widths) {
    Map<String, String> counts = counts(layer);
    Map<String, Hessian> hessians = new LinkedHashMap<>();
    widths.forEach((name, width) -> hessians.put(name, load(layer, counts, name, width)));
    return hessians;
  }

  private Map<String, String> counts(int layer) {
    return texts(tokens(layer)).orElseGet(Map::of);
  }

  private Hessian load(int layer, Map<String, String> counts, String name, int width) {
    String count = counts.get(name);
    if (count == null || !count.matches("[0-9]{1,18}")) {
      throw new MalformedData("%s does not count the tokens of %s".formatted(tokens(layer), name));
    }
    return new Hessian(read(folder.resolve(name + ".npy"), width), Long.parseLong(count));
  }

  private static String name(ActivationSite site) {
    return switch (site) {
      case ActivationSite.AttentionInput(int layer) -> "layer" + layer + ".attention_input";
      case ActivationSite.AttentionOutput(int layer) -> "layer" + layer + ".attention_output";
      case ActivationSite.ExpertInput(int layer, int expert) ->
          "layer" + layer + ".expert_input." + expert;
      case ActivationSite.ExpertHidden(int layer, int expert) ->
          "layer" + layer + ".expert_hidden." + expert;
      case ActivationSite.HeadInput() -> "head_input";
    };
  }

  private static byte[] header(int n) {
    String text = "{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }".formatted(n, n);
    int padded = Math.ceilDiv(10 + text.length() + 1, 64) * 64 - 10;
    String line = text + " ".repeat(padded - text.length() - 1) + "\n";
    ByteBuffer header = ByteBuffer.allocate(10 + padded).order(ByteOrder.LITTLE_ENDIAN);
    header.put(new byte[] {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0}).putShort((short) padded);
    return header.put(line.getBytes(StandardCharsets.US_ASCII)).array();
  }

  private static void write(Path path, FloatMatrix matrix) {
    int n = matrix.columns();
    byte[] header = header(n);
    ByteBuffer bytes =
        ByteBuffer.allocate(header.length + Math.multiplyExact(n * n, Float.BYTES))
            .order(ByteOrder.LITTLE_ENDIAN);
    bytes.put(header).asFloatBuffer().put(matrix.values(), matrix.offset(), n * n);
    replace(path, bytes.array());
  }

  private static FloatMatrix read(Path path, int n) {
    try {
      byte[] header = header(n);
      byte[] bytes = Files.readAllBytes(path);
      ByteBuffer file = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
      if (bytes.length != header.length + (long) n * n * Float.BYTES
          || !file.slice(0, header.length).equals(ByteBuffer.wrap(header))) {
        throw new MalformedData("%s is no Hessian of %d × %d".formatted(path, n, n));
      }
      FloatMatrix matrix = FloatMatrix.zeros(n, n);
      file.position(header.length).asFloatBuffer().get(matrix.values());
      return matrix;
    } catch (IOException e) {
      throw new MalformedData("%s cannot be read (%s)".formatted(path, e.getMessage()), e);
    }
  }

  private static void put(Path path, Map<String, String> values) {
    StringBuilder text = new StringBuilder();
    values.forEach((name, value) -> text.append(name).append('=').append(value).append('\n'));
    replace(path, text.toString().getBytes(StandardCharsets.UTF_8));
  }

  private static void replace(Path path, byte[] bytes) {
    Path unfinished = path.resolveSibling(path.getFileName() + ".part");
    try {
      Files.write(unfinished, bytes);
      Files.move(unfinished, path, StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException e) {
      throw failed(path, e);
    }
  }

  private static Optional<Map<String, String>> texts(Path path) {
    if (Files.notExists(path)) {
      return Optional.empty();
    }
    try {
      Map<String, String> values = new LinkedHashMap<>();
      List<String> lines = new ArrayList<>(Files.readAllLines(path));
      for (String line : lines) {
        int equals = line.indexOf('=');
        if (equals > 0) {
          values.put(line.substring(0, equals), line.substring(equals + 1));
        }
      }
      return Optional.of(values);
    } catch (IOException e) {
      throw failed(path, e);
    }
  }

  private static DeviceFailure failed(Path path, IOException e) {
    return new DeviceFailure(
        "%s cannot be read or written (%s); finished work is kept".formatted(path, e.getMessage()),
        e);
  }
}
