package org.espalier.backend.offload.placement;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.atomic.AtomicLongArray;
import org.espalier.api.EspalierException.DeviceFailure;
import org.espalier.api.EspalierException.MalformedData;

/** How often each expert was used; kept in a file of lines "layer expert count" where wanted. */
public final class UseCounts {
  private static final int MOST = 1 << 16;

  private final Map<Integer, AtomicLongArray> layers = new ConcurrentSkipListMap<>();

  /** None yet. */
  public UseCounts() {}

  /** Counts uses. */
  public void add(int layer, int expert, long uses) {
    if (uses > 0) {
      layer(layer, expert).addAndGet(expert, uses);
    }
  }

  /** Uses so far. */
  public long of(int layer, int expert) {
    AtomicLongArray counts = layers.get(layer);
    return counts == null || expert >= counts.length() ? 0 : counts.get(expert);
  }

  private AtomicLongArray layer(int layer, int expert) {
    return layers.compute(
        layer,
        (_, counts) -> {
          if (counts != null && expert < counts.length()) {
            return counts;
          }
          AtomicLongArray longer = new AtomicLongArray(Integer.highestOneBit(expert | 7) * 2);
          for (int i = 0; counts != null && i < counts.length(); i++) {
            longer.set(i, counts.get(i));
          }
          return longer;
        });
  }

  /**
   * Reads a file, if there is one.
   *
   * @throws MalformedData when it holds something else
   */
  public static UseCounts read(Path file) {
    UseCounts counts = new UseCounts();
    if (!Files.exists(file)) {
      return counts;
    }
    try {
      int number = 0;
      for (String line : Files.readAllLines(file)) {
        number++;
        if (!line.matches("\\d{1,5} \\d{1,5} \\d{1,18}")) {
          throw new MalformedData(
              "line %d of '%s' is not a layer, an expert and a count: delete the file to begin afresh"
                  .formatted(number, file));
        }
        String[] numbers = line.split(" ");
        int layer = Integer.parseInt(numbers[0]);
        int expert = Integer.parseInt(numbers[1]);
        if (layer < MOST && expert < MOST) {
          counts.layer(layer, expert).addAndGet(expert, Long.parseLong(numbers[2]));
        }
      }
      return counts;
    } catch (IOException e) {
      throw new DeviceFailure("'%s' cannot be read: %s".formatted(file, e.getMessage()), e);
    }
  }

  /** Writes a file; what was there stays until it is complete. */
  public void write(Path file) {
    StringBuilder text = new StringBuilder();
    new TreeMap<>(layers)
        .forEach((layer, counts) -> {
          for (int expert = 0; expert < counts.length(); expert++) {
            if (counts.get(expert) > 0) {
              text.append("%d %d %d%n".formatted(layer, expert, counts.get(expert)));
            }
          }
        });
    try {
      Path part = file.resolveSibling(file.getFileName() + ".part");
      Files.writeString(part, text);
      Files.move(part, file, StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException e) {
      throw new DeviceFailure("'%s' cannot be written: %s".formatted(file, e.getMessage()), e);
    }
  }
}
