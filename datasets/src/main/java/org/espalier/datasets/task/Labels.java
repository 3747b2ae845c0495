package org.espalier.datasets.task;

import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import org.espalier.api.EspalierException.MalformedData;
import org.espalier.datasets.DataFile;
import org.espalier.datasets.DataRow;

/** Which answers are right. */
public final class Labels {
  private Labels() {}

  /**
   * Reads a file with one index per line; blank lines at the end are passed over.
   *
   * @throws MalformedData when a line holds something else
   */
  public static List<Integer> read(DataFile file) {
    List<String> lines = file.lines(notice -> {});
    int count = lines.size();
    while (count > 0 && lines.get(count - 1).isBlank()) {
      count--;
    }
    List<Integer> labels = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      try {
        labels.add(Integer.parseInt(lines.get(i).strip()));
      } catch (NumberFormatException _) {
        throw new MalformedData(
            "%s, line %d: '%s' is not the index of an answer"
                .formatted(file.path(), i + 1, shortened(lines.get(i))));
      }
    }
    return List.copyOf(labels);
  }

  private static String shortened(String text) {
    return text.length() <= 40 ? text : text.substring(0, 40) + "…";
  }

  /** The index that goes with a row: the one given, or that of its own field. */
  static int of(DataRow row, OptionalInt given, String field, int choices) {
    if (given.isEmpty() && !row.has(field)) {
      throw row.malformed(
          "there is no field '%s'; name the file of labels with --labels".formatted(field));
    }
    int label = given.isPresent() ? given.getAsInt() : row.whole(field);
    if (label < 0 || label >= choices) {
      throw row.malformed(
          "the right answer has index %d, but there are %d answers".formatted(label, choices));
    }
    return label;
  }
}
