package org.espalier.runtime.quantisation.pipeline;

import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.espalier.api.linear.Role;

/** A picture of the losses of a quantised model: a row per layer, a column per projection, SVG. */
public final class LossPicture {
  private static final int LEFT = 64;
  private static final int TOP = 72;
  private static final int CELL_WIDTH = 84;
  private static final int CELL_HEIGHT = 24;
  private static final int MARGIN = 24;

  private LossPicture() {}

  /**
   * Draws one.
   *
   * @param title above the picture
   */
  public static String svg(List<MatrixReport> reports, String title) {
    Map<Role, Map<Integer, Double>> losses =
        reports.stream()
            .collect(
                Collectors.groupingBy(
                    report -> report.operator().role(),
                    TreeMap::new,
                    Collectors.groupingBy(
                        report -> report.operator().layer(),
                        TreeMap::new,
                        Collectors.averagingDouble(MatrixReport::relativeLoss))));
    int layers = 1 + reports.stream().mapToInt(r -> r.operator().layer()).max().orElse(0);
    double most =
        losses.values().stream()
            .flatMap(column -> column.values().stream())
            .mapToDouble(Double::doubleValue)
            .max()
            .orElse(1);
    int width = LEFT + losses.size() * CELL_WIDTH + MARGIN;
    int height = TOP + layers * CELL_HEIGHT + MARGIN;
    StringBuilder svg = new StringBuilder();
    add(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\""
            + " font-family=\"sans-serif\" font-size=\"11\" fill=\"#222\">",
        width,
        height,
        width,
        height);
    add(svg, "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>");
    add(svg, "<text x=\"8\" y=\"20\" font-size=\"14\">%s</text>", escaped(title));
    add(
        svg,
        "<text x=\"8\" y=\"38\" fill=\"#666\">proxy loss in %% of the outputs' energy, mean over"
            + " experts</text>");
    for (int layer = 0; layer < layers; layer++) {
      add(
          svg,
          "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">layer %d</text>",
          LEFT - 8,
          TOP + layer * CELL_HEIGHT + 16,
          layer);
    }
    int x = LEFT;
    for (Map.Entry<Role, Map<Integer, Double>> column : losses.entrySet()) {
      column(svg, x, column.getKey(), column.getValue(), most);
      x += CELL_WIDTH;
    }
    return svg.append("</svg>\n").toString();
  }

  private static void column(
      StringBuilder svg, int x, Role role, Map<Integer, Double> losses, double most) {
    add(
        svg,
        "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\" fill=\"#666\">%s</text>",
        x + CELL_WIDTH / 2,
        TOP - 8,
        role.name().toLowerCase(Locale.ROOT).replace('_', ' '));
    losses.forEach((layer, loss) -> {
      double strength = most > 0 ? loss / most : 0;
      add(
          svg,
          "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"%s\" stroke=\"#fff\"/>",
          x,
          TOP + layer * CELL_HEIGHT,
          CELL_WIDTH,
          CELL_HEIGHT,
          colour(strength));
      add(
          svg,
          "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\" fill=\"%s\">%.2f</text>",
          x + CELL_WIDTH / 2,
          TOP + layer * CELL_HEIGHT + 16,
          strength > 0.6 ? "#fff" : "#222",
          100 * loss);
    });
  }

  private static String colour(double strength) {
    return "#%02x%02x%02x"
        .formatted(channel(strength, 178), channel(strength, 24), channel(strength, 43));
  }

  private static int channel(double strength, int full) {
    return (int) Math.round(247 + Math.clamp(strength, 0, 1) * (full - 247));
  }

  private static void add(StringBuilder svg, String format, Object... values) {
    svg.append(String.format(Locale.ROOT, format, values)).append('\n');
  }

  private static String escaped(String text) {
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;");
  }
}
