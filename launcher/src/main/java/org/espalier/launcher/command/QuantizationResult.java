package org.espalier.launcher.command;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.espalier.launcher.console.Console;
import org.espalier.launcher.console.NewFile;
import org.espalier.runtime.quantisation.pipeline.LossPicture;
import org.espalier.runtime.quantisation.pipeline.MatrixReport;

/** What a quantisation says in the end. */
final class QuantizationResult {
  private QuantizationResult() {}

  /**
   * Draws the picture and says the mean losses.
   *
   * @param out the new file; where it is none, the reports are a shard's
   */
  static void tell(Console console, Path out, List<MatrixReport> reports, Optional<Path> picture)
      throws IOException {
    if (picture.isPresent()) {
      NewFile.write(picture.get(), LossPicture.svg(reports, out.getFileName().toString()));
      console.note("the picture is in " + picture.get());
    }
    double relative = reports.stream().mapToDouble(MatrixReport::relativeLoss).average().orElse(0);
    double loss = reports.stream().mapToDouble(MatrixReport::proxyLoss).average().orElse(0);
    console.note(
        String.format(
            Locale.ROOT,
            "%s%s; %d matrices, mean proxy loss %.6f (%.3f %% of the outputs' energy)",
            out,
            Files.isRegularFile(out) ? " holds " + WriteProgress.bytes(Files.size(out)) : "",
            reports.size(),
            loss,
            100 * relative));
  }
}
