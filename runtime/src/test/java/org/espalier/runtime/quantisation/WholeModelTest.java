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
import org.espalier.codec.qtip.ExactTileQuantizer;
import org.espalier.codec.qtip.FixedPointTileQuantizer;
import org.espalier.codec.qtip.PermuteTileQuantizer;
import org.espalier.codec.qtip.QtipCodec;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

/** All matrices of a small trained model against the losses of a reference implementation. */
class WholeModelTest {

  @Test
  void losesWhatTheReferenceLosesWithItsSigns() {
    TinyTales model = model();
    double loss = 0;
    for (TinyTales.Entry entry : model.entries()) {
      double own =
          loss(
              model,
              entry,
              model.signs(entry, "sign_l"),
              model.signs(entry, "sign_r"),
              new ExactTileQuantizer(),
              0);
      assertEquals(entry.proxyLoss(), own, 0.005 * entry.proxyLoss(), entry.name());
      loss += own;
    }
    double reference = reference(model);
    assertEquals(reference, loss / model.entries().size(), 1e-4 * reference);
  }

  @Test
  void losesNoMoreThanTheReferenceWithSignsOfItsOwn() {
    TinyTales model = model();
    // The noise of one seed's signs: a thousandth of the mean (standard deviation over 12 seeds).
    double loss = meanLoss(model, 0);
    assertTrue(loss <= 1.002 * reference(model), loss + " against " + reference(model));
    double refined = meanLoss(model, 1);
    assertTrue(refined < 0.985 * reference(model), refined + " against " + reference(model));
  }

  private static TinyTales model() {
    String folder = System.getProperty("espalier.reference");
    Assumptions.assumeTrue(
        folder != null, "needs -Despalier.reference=FOLDER with the data of tiny-tales");
    TinyTales model = new TinyTales(Path.of(folder));
    assertEquals(208, model.entries().size());
    return model;
  }

  private static double reference(TinyTales model) {
    return model.entries().stream().mapToDouble(TinyTales.Entry::proxyLoss).average().orElseThrow();
  }

  private static double meanLoss(TinyTales model, int refinements) {
    double sum = 0;
    for (TinyTales.Entry entry : model.entries()) {
      float[] left = SignVectors.of(1, entry.name() + ".sign_l", 0, 256);
      float[] right = SignVectors.of(1, entry.name() + ".sign_r", 0, 256);
      double loss = loss(model, entry, left, right, fastest(), refinements);
      assertEquals(entry.proxyLoss(), loss, 0.2 * entry.proxyLoss());
      sum += loss;
    }
    return sum / model.entries().size();
  }

  private static double loss(
      TinyTales model,
      TinyTales.Entry entry,
      float[] left,
      float[] right,
      TileQuantizer tiles,
      int refinements) {
    Packing packing =
        new QtipCodec()
            .packing(new LinearShape(1, 256, 256))
            .orElseThrow(EspalierException.Unsupported::new);
    try (WorkerThreads workers = new WorkerThreads(2)) {
      MatrixQuantizer quantizer =
          new MatrixQuantizer(new CpuLinearAlgebra(), tiles, workers, refinements);
      RotatedHessian hessian =
          quantizer.rotate(
              entry.name(), model.hessian(entry), right, RotatedHessian.DEFAULT_DAMPING);
      return quantizer
          .quantize(entry.name(), model.weights(entry), hessian, left, packing)
          .proxyLoss();
    }
  }

  private static TileQuantizer fastest() {
    TileQuantizer permute = new PermuteTileQuantizer();
    return permute.newSearch() instanceof Offer.Accepted<?>
        ? permute
        : new FixedPointTileQuantizer();
  }
}
