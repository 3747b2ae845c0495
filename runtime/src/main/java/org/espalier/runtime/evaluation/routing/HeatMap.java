package org.espalier.runtime.evaluation.routing;

import java.util.List;
import java.util.Locale;

/** A picture of a model's routing: a row per layer, a column per expert, SVG. */
public final class HeatMap {
  private static final int LEFT = 64;
  private static final int TOP = 76;
  private static final int RIGHT = 96;
  private static final int BOTTOM = 64;
  private static final int CELL_HEIGHT = 22;

  /** Loads of a quarter and of four times the average have the full colours. */
  private static final double RANGE = 2;

  private HeatMap() {}

  /**
   * Draws one.
   *
   * @param title above the picture
   * @param subtitle below the title, smaller
   */
  public static String svg(RoutingResult result, String title, String subtitle) {
    int experts = result.experts();
    int cell = Math.clamp(960 / experts, 6, 44);
    int width = LEFT + experts * cell + RIGHT;
    int height = TOP + result.layers().size() * CELL_HEIGHT + BOTTOM;
    StringBuilder svg = new StringBuilder();
    add(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\""
            + " font-family=\"sans-serif\" font-size=\"11\" fill=\"#222\">",
        Math.max(width, 480),
        height,
        Math.max(width, 480),
        height);
    add(svg, "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>");
    add(svg, "<text x=\"%d\" y=\"22\" font-size=\"15\">%s</text>", LEFT, escaped(title));
    add(svg, "<text x=\"%d\" y=\"40\" fill=\"#666\">%s</text>", LEFT, escaped(subtitle));
    columns(svg, experts, cell);
    for (int i = 0; i < result.layers().size(); i++) {
      row(svg, result.layers().get(i), TOP + i * CELL_HEIGHT, cell);
    }
    add(
        svg,
        "<text x=\"%d\" y=\"%d\" fill=\"#666\">busiest</text>",
        LEFT + experts * cell + 8,
        TOP - 6);
    legend(svg, TOP + result.layers().size() * CELL_HEIGHT + 20);
    return svg.append("</svg>\n").toString();
  }

  private static void columns(StringBuilder svg, int experts, int cell) {
    int step =
        List.of(1, 2, 4, 8, 16, 32, 64).stream()
            .filter(s -> s * cell >= 22)
            .findFirst()
            .orElse(128);
    for (int expert = 0; expert < experts; expert += step) {
      add(
          svg,
          "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\" fill=\"#666\">%d</text>",
          LEFT + expert * cell + cell / 2,
          TOP - 6,
          expert);
    }
    add(svg, "<text x=\"8\" y=\"%d\" fill=\"#666\">expert</text>", TOP - 6);
  }

  private static void row(StringBuilder svg, LayerLoad load, int y, int cell) {
    add(
        svg,
        "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">layer %d</text>",
        LEFT - 8,
        y + CELL_HEIGHT - 7,
        load.layer());
    for (int expert = 0; expert < load.counts().size(); expert++) {
      double relative = load.share(expert) * load.counts().size();
      add(
          svg,
          "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"%s\" stroke=\"#fff\""
              + " stroke-width=\"0.5\"><title>layer %d, expert %d: %.2f %% of choices, %.2f times"
              + " the average</title></rect>",
          LEFT + expert * cell,
          y,
          cell,
          CELL_HEIGHT,
          colour(relative),
          load.layer(),
          expert,
          100 * load.share(expert),
          relative);
    }
    add(
        svg,
        "<text x=\"%d\" y=\"%d\">%.2f ×</text>",
        LEFT + load.counts().size() * cell + 8,
        y + CELL_HEIGHT - 7,
        load.imbalance());
  }

  private static void legend(StringBuilder svg, int y) {
    int steps = 17;
    for (int i = 0; i < steps; i++) {
      double exponent = RANGE * (2.0 * i / (steps - 1) - 1);
      add(
          svg,
          "<rect x=\"%d\" y=\"%d\" width=\"12\" height=\"12\" fill=\"%s\"/>",
          LEFT + 12 * i,
          y,
          colour(Math.pow(2, exponent)));
    }
    String[] labels = {"¼", "½", "1", "2", "4"};
    for (int i = 0; i < labels.length; i++) {
      add(
          svg,
          "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s</text>",
          LEFT + 6 + 48 * i,
          y + 26,
          labels[i]);
    }
    add(
        svg,
        "<text x=\"%d\" y=\"%d\" fill=\"#666\">times the average load; hover for numbers</text>",
        LEFT + 12 * steps + 12,
        y + 10);
  }

  /** White for the average, towards blue below it and towards red above, by the logarithm. */
  private static String colour(double relative) {
    double exponent = relative <= 0 ? -RANGE : Math.log(relative) / Math.log(2);
    double strength = Math.clamp(exponent / RANGE, -1, 1);
    return strength < 0 ? mixed(-strength, 33, 102, 172) : mixed(strength, 178, 24, 43);
  }

  private static String mixed(double strength, int red, int green, int blue) {
    return "#%02x%02x%02x"
        .formatted(channel(strength, red), channel(strength, green), channel(strength, blue));
  }

  private static int channel(double strength, int full) {
    return (int) Math.round(247 + strength * (full - 247));
  }

  private static void add(StringBuilder svg, String format, Object... values) {
    svg.append(String.format(Locale.ROOT, format, values)).append('\n');
  }

  private static String escaped(String text) {
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;");
  }
}
