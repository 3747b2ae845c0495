package org.espalier.launcher.console;

import java.util.ArrayList;
import java.util.List;

/** Lines whose columns stand below each other. */
public final class Table {
  private static final String INDENT = "  ";
  private static final String GAP = "  ";

  private final String alignment;
  private final List<List<String>> rows = new ArrayList<>();

  /**
   * An empty table.
   *
   * @param alignment one letter per column: {@code l} for left, {@code r} for right
   */
  public Table(String alignment) {
    this.alignment = alignment;
  }

  /** Adds a line; as many cells as there are columns. */
  public Table row(String... cells) {
    if (cells.length != alignment.length()) {
      throw new IllegalArgumentException(
          "%d cells for %d columns".formatted(cells.length, alignment.length()));
    }
    rows.add(List.of(cells));
    return this;
  }

  /** The lines, each ended; columns as wide as their widest cell. */
  public String text() {
    int[] widths = new int[alignment.length()];
    for (List<String> row : rows) {
      for (int column = 0; column < widths.length; column++) {
        widths[column] = Math.max(widths[column], width(row.get(column)));
      }
    }
    StringBuilder text = new StringBuilder();
    for (List<String> row : rows) {
      StringBuilder line = new StringBuilder(INDENT);
      for (int column = 0; column < widths.length; column++) {
        String padding = " ".repeat(widths[column] - width(row.get(column)));
        line.append(column == 0 ? "" : GAP)
            .append(alignment.charAt(column) == 'r' ? padding : "")
            .append(row.get(column))
            .append(alignment.charAt(column) == 'r' ? "" : padding);
      }
      text.append(line.toString().stripTrailing()).append('\n');
    }
    return text.toString();
  }

  private static int width(String cell) {
    return cell.codePointCount(0, cell.length());
  }
}
