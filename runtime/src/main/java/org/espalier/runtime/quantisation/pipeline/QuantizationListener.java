package org.espalier.runtime.quantisation.pipeline;

/** Told how a quantisation goes. An exception that it throws ends the work, resumable. */
public interface QuantizationListener {

  /** A sentence that a user should read once. */
  void notice(String sentence);

  /** A line about what is done or about to be done. */
  void stage(String line);

  /**
   * How far a stage is; called from several threads, one at a time.
   *
   * @param stage its name
   * @param done of {@code total}
   */
  void progress(String stage, long done, long total);

  /** All matrices of a layer are finished, some perhaps in an earlier run. */
  void finished(MatrixReport matrix);
}
