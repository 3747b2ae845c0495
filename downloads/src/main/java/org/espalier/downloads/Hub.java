package org.espalier.downloads;

import java.io.IOException;
import java.net.ConnectException;
import java.net.http.HttpConnectTimeoutException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.espalier.api.EspalierException.DeviceFailure;
import org.espalier.api.EspalierException.InvalidRequest;

/**
 * Gives models by name: from the cache where they are there and current, else from the Hugging Face
 * Hub, or any server that answers as it does. Safe for use by several threads and processes.
 */
public final class Hub {
  private static final long SPARE_BYTES = 64 << 20;

  private final HubSettings settings;
  private final ModelCache cache;

  /** One that asks and keeps as the settings say. */
  public Hub(HubSettings settings) {
    this.settings = settings;
    this.cache = new ModelCache(settings.cache());
  }

  /** What was downloaded so far. */
  public ModelCache cache() {
    return cache;
  }

  /**
   * Makes sure that a model is here. Where the hub cannot be reached, what the cache holds will do.
   *
   * @param wanted what of the repository where the name leaves it open
   * @return the model file, or the folder of a checkpoint
   * @throws InvalidRequest when there is no such model, the name means several files, or the hub
   *     wants a token
   * @throws DeviceFailure when the network or the disk fails
   * @throws org.espalier.api.EspalierException.MalformedData when what arrives has another checksum
   *     than the hub announces
   */
  public Path fetch(ModelName name, Wanted wanted, DownloadListener listener) {
    CachedRepository cached = cache.repository(name.repository());
    if (settings.offline()) {
      return fromCache(cached, name, wanted, " in the cache, and there is to be no download");
    }
    try (HubConnection hub = new HubConnection(settings)) {
      return fetch(hub, cached, name, wanted, listener);
    }
  }

  private Path fetch(
      HubConnection hub,
      CachedRepository cached,
      ModelName name,
      Wanted wanted,
      DownloadListener listener) {
    Listing listing;
    try {
      listing = hub.listing(name.repository());
    } catch (IOException e) {
      String reason = "%s cannot be reached (%s)".formatted(hub.host(), said(e));
      if (cached.entries().isEmpty()) {
        throw new DeviceFailure(reason + ", and the cache has no copy of " + name, e);
      }
      Path copy = fromCache(cached, name, wanted, " in the cache, and " + reason);
      listener.notice(reason + ": the copy in the cache is used, which may be out of date");
      return copy;
    }
    List<String> names = listing.files().stream().map(RemoteFile::name).toList();
    Selection selection = Selection.of(name, wanted, names, " on " + hub.host());
    List<RemoteFile> files =
        listing.files().stream().filter(file -> selection.files().contains(file.name())).toList();
    if (!files.stream().allMatch(cached::has)) {
      download(hub, cached, listing, files, listener);
    }
    return place(cached, selection);
  }

  private Path fromCache(CachedRepository cached, ModelName name, Wanted wanted, String where) {
    List<String> names = List.copyOf(cached.entries().keySet());
    if (names.isEmpty()) {
      throw new InvalidRequest(
          "%s is not in the cache %s, and there is to be no download: run once without --offline"
              .formatted(name, settings.cache()));
    }
    return place(cached, Selection.of(name, wanted, names, where));
  }

  private static Path place(CachedRepository cached, Selection selection) {
    return selection.checkpoint() ? cached.folder() : cached.path(selection.files().getFirst());
  }

  private void download(
      HubConnection hub,
      CachedRepository cached,
      Listing listing,
      List<RemoteFile> files,
      DownloadListener listener) {
    try (FileChannel _ = cached.lock(listener)) {
      List<RemoteFile> missing = new ArrayList<>(files);
      missing.removeIf(cached::has); // perhaps another process has just fetched them
      requireSpace(cached, missing);
      Transfer transfer = new Transfer(hub, settings.patience(), listener);
      for (RemoteFile file : missing) {
        Path part = cached.part(file);
        Files.createDirectories(cached.path(file.name()).getParent());
        transfer.complete(
            file, hub.address(listing.repository(), listing.commit(), file.name()), part);
        cached.adopt(file, listing.commit());
      }
    } catch (IOException e) {
      throw new DeviceFailure(
          "the download of %s ended early (%s); what has come is kept, and the same command goes on from there"
              .formatted(listing.repository(), said(e)),
          e);
    }
  }

  private static void requireSpace(CachedRepository cached, List<RemoteFile> files)
      throws IOException {
    long needed = 0;
    for (RemoteFile file : files) {
      Path part = cached.part(file);
      long there = Files.exists(part) ? Files.size(part) : 0;
      needed = saturated(needed, Math.max(file.size() - there, 0));
    }
    long free = Files.getFileStore(cached.folder()).getUsableSpace();
    if (needed > 0 && free < saturated(needed, SPARE_BYTES)) {
      throw new DeviceFailure(
          String.format(
              Locale.ROOT,
              "the cache folder %s has room for %.1f MiB, but %.1f MiB are to be downloaded: make room, or set ESPALIER_CACHE or --model-cache to another disk",
              cached.folder(),
              free / 0x1p20,
              needed / 0x1p20));
    }
  }

  private static long saturated(long one, long other) {
    return one > Long.MAX_VALUE - other ? Long.MAX_VALUE : one + other;
  }

  private static String said(IOException failure) {
    return switch (failure) {
      case HttpConnectTimeoutException _ -> "it does not answer";
      case ConnectException e when e.getMessage() == null -> "there is no connection to it";
      case IOException e when e.getMessage() == null || e.getMessage().isBlank() ->
          e.getClass().getSimpleName();
      default -> failure.getMessage();
    };
  }
}
