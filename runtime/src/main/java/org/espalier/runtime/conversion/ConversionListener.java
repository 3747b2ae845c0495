package org.espalier.runtime.conversion;

/** Told about a conversion as it goes, on the thread that runs it. An exception ends it. */
public interface ConversionListener {

  /** A sentence that a user should read once: what will not be exact, what is missing. */
  void notice(String sentence);

  /**
   * How far it is.
   *
   * @param written bytes of tensors so far
   * @param total bytes of all tensors
   */
  void progress(long written, long total);
}
