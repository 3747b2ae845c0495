package org.espalier.testkit.reference;

import java.util.List;
import org.espalier.api.backend.ExpertPlacement;
import org.espalier.api.backend.Observer;
import org.espalier.api.model.ActivationSite;

/**
 * What the stages of one forward pass know besides the residual stream.
 *
 * @param rows to whom each row of the pass belongs, those of one session in order of position
 * @param observer told about activations
 * @param placement told about uses of experts
 */
record Pass(List<Row> rows, Observer observer, ExpertPlacement placement) {

  /**
   * One row of the pass.
   *
   * @param session whose it is
   * @param position in that session
   * @param wanted whether its output is asked for
   */
  record Row(ReferenceSession session, int position, boolean wanted) {}

  /** Shows rows without gates. */
  void show(ActivationSite site, double[][] rows) {
    show(site, rows, new float[0]);
  }

  /** Shows rows, if there are any and the observer wants them. */
  void show(ActivationSite site, double[][] rows, float[] gates) {
    if (rows.length > 0 && observer.wants(site)) {
      int width = rows[0].length;
      float[] values = new float[rows.length * width];
      for (int i = 0; i < values.length; i++) {
        values[i] = (float) rows[i / width][i % width];
      }
      observer.rows(site, values, 0, rows.length, width, gates);
    }
  }

  /** Shows the routing of one row. */
  void showRouting(int layer, int row, Routing routing) {
    if (observer.wantsRouting()) {
      float[] weights = new float[routing.weights().length];
      for (int i = 0; i < weights.length; i++) {
        weights[i] = (float) routing.weights()[i];
      }
      observer.routed(layer, row, routing.experts().clone(), weights);
    }
  }
}
