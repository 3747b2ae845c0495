package org.espalier.launcher.report;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.espalier.api.EspalierException.DeviceFailure;
import org.espalier.launcher.console.Console;
import org.espalier.launcher.console.Interruption;
import org.espalier.runtime.quantisation.pipeline.MatrixReport;
import org.espalier.runtime.quantisation.pipeline.QuantizationListener;
import tools.jackson.jr.ob.JSON;

/**
 * Shows how far a quantisation is, writes a line of JSON about every matrix, and ends the work when
 * the user wants that.
 */
public final class QuantizationProgress implements QuantizationListener {
  private static final long PAUSE_NANOS = 200_000_000;

  private final Console console;
  private final Interruption interruption;
  private final Optional<Path> report;
  private final StringBuilder lines = new StringBuilder();
  private String stage = "";
  private long started;
  private long shown;

  /**
   * Begins now.
   *
   * @param report file for the lines
   */
  public QuantizationProgress(Console console, Interruption interruption, Optional<Path> report) {
    this.console = console;
    this.interruption = interruption;
    this.report = report;
  }

  @Override
  public void notice(String sentence) {
    console.progress("");
    console.note(sentence);
  }

  @Override
  public void stage(String line) {
    console.progress("");
    console.say(line);
  }

  @Override
  public void progress(String name, long done, long total) {
    interruption.check();
    long now = System.nanoTime();
    if (!name.equals(stage)) {
      stage = name;
      started = now;
      shown = 0;
    }
    double seconds = (now - started) / 1e9;
    if (done >= total) {
      console.progress("");
      console.say(String.format(Locale.ROOT, "%s: %.1f s", name, seconds));
    } else if (now - shown >= PAUSE_NANOS) {
      shown = now;
      String left = done == 0 ? "" : ", " + duration(seconds * (total - done) / done) + " left";
      console.progress(
          String.format(Locale.ROOT, "%s: %.0f %%%s", name, 100.0 * done / total, left));
    }
  }

  private static String duration(double seconds) {
    if (seconds < 120) {
      return String.format(Locale.ROOT, "%.0f s", seconds);
    }
    return seconds < 7200
        ? String.format(Locale.ROOT, "%.0f min", seconds / 60)
        : String.format(Locale.ROOT, "%.1f h", seconds / 3600);
  }

  @Override
  public void finished(MatrixReport matrix) {
    if (report.isEmpty()) {
      return;
    }
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("tensor", matrix.tensor());
    fields.put("expert", matrix.expert());
    fields.put("layer", matrix.operator().layer());
    fields.put("role", matrix.operator().role().name().toLowerCase(Locale.ROOT));
    fields.put("rows", matrix.rows());
    fields.put("columns", matrix.columns());
    fields.put("tokens", matrix.tokens());
    fields.put("scale", matrix.scale());
    fields.put("proxy_loss", matrix.proxyLoss());
    fields.put("proxy_energy", matrix.proxyEnergy());
    fields.put("relative_proxy_loss", matrix.relativeLoss());
    fields.put("relative_error", matrix.relativeError());
    try {
      Files.writeString(report.get(), lines.append(JSON.std.asString(fields)).append('\n'));
    } catch (IOException e) {
      throw new DeviceFailure(
          "%s cannot be written (%s); finished work is kept"
              .formatted(report.get(), e.getMessage()),
          e);
    }
  }

  /** Wipes the line. */
  public void end() {
    console.progress("");
  }
}
