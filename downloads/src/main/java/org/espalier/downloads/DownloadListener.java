package org.espalier.downloads;

/** Told how a download goes. What its methods throw ends the download; what is there stays. */
public interface DownloadListener {

  /** Hears nothing. */
  DownloadListener NONE = new DownloadListener() {};

  /** What is being done with a file. */
  enum Step {
    /** Bytes arrive. */
    DOWNLOADING,
    /** The checksum is computed. */
    CHECKING,
    /** Another process downloads the same; no bytes are counted. */
    WAITING
  }

  /** A sentence that a user should read once. */
  default void notice(String sentence) {}

  /**
   * Called often.
   *
   * @param file its name in the repository
   * @param done bytes, those of an earlier attempt included
   * @param total bytes in the end
   */
  default void progress(Step step, String file, long done, long total) {}
}
