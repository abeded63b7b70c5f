// Predicts one picture with a model, from two threads that share it.
//
//     predict MODEL [PICTURE]
//
// PICTURE is a binary PGM (gray) or PPM (color) file of the size that the model takes. Without one, the
// program predicts a gradient. native/c/README.md says how to compile this file.

#include "bayes8.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#define SAMPLES 8
#define THREADS 2
#define TOP 3

// Returns whether a call succeeded, and prints why it did not. The message belongs to the calling
// thread.
static bool succeeded(bayes8_status status) {
  if (status != BAYES8_STATUS_OK) {
    fprintf(stderr, "bayes8 error %d: %s\n", (int)status, bayes8_last_error_message());
  }
  return status == BAYES8_STATUS_OK;
}

// The work of one thread: every thread predicts the same picture with weights of another seed.
typedef struct {
  const bayes8_model *model;
  const uint8_t *picture;
  size_t length;
  uint64_t seed;
  // Results.
  double *probabilities;
  double *std;
  size_t classes;
  double total;
  double aleatoric;
  double epistemic;
  bool predicted;
} prediction;

static void *predict(void *argument) {
  prediction *job = argument;
  bayes8_predict_options options = BAYES8_PREDICT_OPTIONS_INIT;
  options.seed = job->seed;
  // Seed 0 too, instead of the draws that a model may have chosen.
  options.draws = BAYES8_DRAWS_RANDOM;
  options.samples = SAMPLES;
  // What is not named here is NULL and so not wanted.
  bayes8_outputs outputs = {
      .size = sizeof outputs,
      .probabilities = {job->probabilities, job->classes},
      .std = {job->std, job->classes},
      .predictive_entropy = {&job->total, 1},
      .expected_entropy = {&job->aleatoric, 1},
      .mutual_information = {&job->epistemic, 1},
  };
  job->predicted =
      succeeded(bayes8_predict(job->model, job->picture, job->length, 1, &options, &outputs));
  return NULL;
}

// Prints the uncertainty and the most probable classes, and overwrites the probabilities of these.
static bool print(prediction *job) {
  printf("seed %llu: total %.3f nats = aleatoric %.3f + epistemic %.3f\n",
         (unsigned long long)job->seed, job->total, job->aleatoric, job->epistemic);
  for (size_t rank = 0; rank < TOP && rank < job->classes; rank++) {
    size_t best = 0;
    for (size_t class = 1; class < job->classes; class++) {
      if (job->probabilities[class] > job->probabilities[best]) {
        best = class;
      }
    }
    const char *name = NULL;
    if (!succeeded(bayes8_model_get_class_name(job->model, best, &name))) {
      return false;
    }
    printf("  %-12s %6.2f %% +- %5.2f\n", name, 100 * job->probabilities[best],
           100 * job->std[best]);
    job->probabilities[best] = -1;
  }
  return true;
}

// Reads a PGM or PPM file of exactly the model's shape into `picture`.
static bool read_picture(const char *path, const bayes8_model_info *info, uint8_t *picture) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) {
    perror(path);
    return false;
  }
  char kind = 0;
  unsigned long width = 0, height = 0, largest = 0;
  bool header = fscanf(file, "P%c %lu %lu %lu", &kind, &width, &height, &largest) == 4 &&
                fgetc(file) != EOF;
  size_t channels = kind == '5' ? 1 : kind == '6' ? 3 : 0;
  size_t length = info->height * info->width * info->channels;
  bool fits = header && width == info->width && height == info->height &&
              channels == info->channels && largest == 255 &&
              fread(picture, 1, length, file) == length;
  fclose(file);
  if (!fits) {
    fprintf(stderr, "%s is not a binary PGM or PPM file of %zu x %zu pixels, %zu channels and 8 bits\n",
            path, info->width, info->height, info->channels);
  }
  return fits;
}

static void gradient(const bayes8_model_info *info, uint8_t *picture) {
  size_t row = info->width * info->channels;
  for (size_t i = 0; i < info->height * row; i++) {
    picture[i] = (uint8_t)(i / row * 5 + i % row * 3);
  }
}

// Predicts `picture` in several threads at once, then prints each result.
// `numbers` has room for two numbers per class and thread.
static bool predict_in_threads(const bayes8_model *model, const bayes8_model_info *info,
                               const uint8_t *picture, double *numbers) {
  prediction jobs[THREADS];
  pthread_t threads[THREADS];
  size_t started = 0;
  for (size_t i = 0; i < THREADS; i++) {
    jobs[i] = (prediction){
        .model = model,
        .picture = picture,
        .length = info->height * info->width * info->channels,
        .seed = i,
        .probabilities = numbers + 2 * i * info->classes,
        .std = numbers + (2 * i + 1) * info->classes,
        .classes = info->classes,
    };
  }
  while (started < THREADS &&
         pthread_create(&threads[started], NULL, predict, &jobs[started]) == 0) {
    started++;
  }
  for (size_t i = 0; i < started; i++) {
    pthread_join(threads[i], NULL);
  }
  if (started < THREADS) {
    fputs("cannot start a thread\n", stderr);
    return false;
  }
  for (size_t i = 0; i < THREADS; i++) {
    if (!jobs[i].predicted || !print(&jobs[i])) {
      return false;
    }
  }
  return true;
}

// Predicts the picture at `path`, or a gradient for NULL. The caller frees the model.
static bool run(const bayes8_model *model, const char *path) {
  bayes8_model_info info = BAYES8_MODEL_INFO_INIT;
  if (!succeeded(bayes8_model_get_info(model, &info))) {
    return false;
  }
  printf("%s, %s, bayes8 %s\n", info.name, info.kernel, bayes8_version());

  uint8_t *picture = malloc(info.height * info.width * info.channels);
  double *numbers = calloc(2 * THREADS * info.classes, sizeof *numbers);
  bool done = false;
  if (picture == NULL || numbers == NULL) {
    fputs("out of memory\n", stderr);
  } else if (path == NULL) {
    gradient(&info, picture);
    done = predict_in_threads(model, &info, picture, numbers);
  } else if (read_picture(path, &info, picture)) {
    done = predict_in_threads(model, &info, picture, numbers);
  }
  free(numbers);
  free(picture);
  return done;
}

int main(int argc, char **argv) {
  if (argc < 2 || argc > 3) {
    fprintf(stderr, "usage: %s MODEL [PICTURE.pgm]\n", argv[0]);
    return EXIT_FAILURE;
  }
  bayes8_model_options options = BAYES8_MODEL_OPTIONS_INIT;
  options.threads = 2;
  bayes8_model *model = NULL;
  if (!succeeded(bayes8_model_load(argv[1], &options, &model))) {
    return EXIT_FAILURE;
  }
  bool done = run(model, argc == 3 ? argv[2] : NULL);
  bayes8_model_free(model);
  return done ? EXIT_SUCCESS : EXIT_FAILURE;
}
