package org.espalier.runtime.quantisation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import org.espalier.api.EspalierException;
import org.espalier.api.Offer;
import org.espalier.api.codec.Packing;
import org.espalier.api.codec.TileQuantizer;
import org.espalier.api.linear.LinearShape;
import org.espalier.backend.cpu.algebra.CpuLinearAlgebra;
import org.espalier.codec.qtip.FixedPointTileQuantizer;
import org.espalier.codec.qtip.PermuteTileQuantizer;
import org.espalier.codec.qtip.QtipCodec;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

/** All matrices of a small trained model against the losses of a reference implementation. */
class WholeModelTest {

  @Test
  void losesNoMoreThanTheReference() {
    String folder = System.getProperty("espalier.reference");
    Assumptions.assumeTrue(
        folder != null, "needs -Despalier.reference=FOLDER with the data of tiny-tales");
    TinyTales model = new TinyTales(Path.of(folder));
    assertEquals(208, model.entries().size());
    double reference =
        model.entries().stream().mapToDouble(TinyTales.Entry::proxyLoss).average().orElseThrow();
    // Signs of our own: their noise moves the mean by some parts in ten thousand.
    double loss = meanLoss(model, 0);
    assertTrue(loss <= 1.001 * reference, loss + " against " + reference);
    double refined = meanLoss(model, 1);
    assertTrue(refined < reference, refined + " against " + reference);
  }

  private static double meanLoss(TinyTales model, int refinements) {
    TileQuantizer tiles = fastest();
    Packing packing =
        new QtipCodec()
            .packing(new LinearShape(1, 256, 256))
            .orElseThrow(EspalierException.Unsupported::new);
    double sum = 0;
    try (WorkerThreads workers = new WorkerThreads(2)) {
      MatrixQuantizer quantizer =
          new MatrixQuantizer(new CpuLinearAlgebra(), tiles, workers, refinements);
      for (TinyTales.Entry entry : model.entries()) {
        RotatedHessian hessian =
            quantizer.rotate(
                entry.name(),
                model.hessian(entry),
                SignVectors.of(1, entry.name() + ".sign_r", 0, 256),
                RotatedHessian.DEFAULT_DAMPING);
        QuantizedMatrix quantized =
            quantizer.quantize(
                entry.name(),
                model.weights(entry),
                hessian,
                SignVectors.of(1, entry.name() + ".sign_l", 0, 256),
                packing);
        assertEquals(entry.proxyLoss(), quantized.proxyLoss(), 0.2 * entry.proxyLoss());
        sum += quantized.proxyLoss();
      }
    }
    return sum / model.entries().size();
  }

  private static TileQuantizer fastest() {
    TileQuantizer permute = new PermuteTileQuantizer();
    return permute.newSearch() instanceof Offer.Accepted<?>
        ? permute
        : new FixedPointTileQuantizer();
  }
}
